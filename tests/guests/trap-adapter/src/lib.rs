//! An adapter that traps in every call but those that put it in place. Expected: where it took over
//! another's state the other is back at once, and where it did not it is given up; orders stay known.

use wickd_sdk::exchange::{
    Channel, Description, Failure, Malformed, Markets, Operation, Reply, Request, Response, Socket,
    Wire,
};
use wickd_sdk::prelude::*;
use wickd_sdk::{Exchange, StateError};

/// No parameters.
#[derive(Params)]
pub struct Config {}

/// The guest.
pub struct Trap;

impl State for Trap {
    const VERSION: u32 = 1;

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _: u32, _: &[u8]) -> Result<(), StateError> {
        Ok(())
    }
}

impl Exchange for Trap {
    type Params = Config;

    fn new(_: Config) -> Result<Self, Vec<Issue>> {
        Ok(Self)
    }

    fn describe(&self) -> Description {
        Description::nothing()
    }

    fn bind(&mut self, _: Markets) {}

    fn build(&self, _: &Operation) -> Result<Request, Failure> {
        panic!("as asked for")
    }

    fn parse(&mut self, _: &mut Wire, _: &Operation, _: &Response) -> Result<Reply, Failure> {
        panic!("as asked for")
    }

    fn plan(&mut self, _: &[Channel]) -> Result<Vec<Socket>, Failure> {
        panic!("as asked for")
    }

    fn on_open(&mut self, _: &mut Wire, _: u32) {
        panic!("as asked for")
    }

    fn on_frame(&mut self, _: &mut Wire, _: u32, _: &[u8]) -> Result<(), Malformed> {
        panic!("as asked for")
    }
}

wickd_sdk::export_exchange!(Trap);
