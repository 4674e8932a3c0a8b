//! The acceptance list of an adapter, as tests of its own crate.
//!
//! Comes in: an adapter's type and how to make one with markets. Goes out: tests. Deliberately absent:
//! what only one venue needs; that stands beside the macro's call.

/// Writes the tests that every adapter has to pass: its fixtures hold, and there are more cases in them
/// than the number given; it does what it describes and nothing else; and no bytes, recorded, damaged
/// or made up, make it panic. The crate needs `proptest` among its `dev-dependencies`.
///
/// ```ignore
/// wickd_sdk::acceptance_tests!(Venue, adapter, 60);
/// ```
#[macro_export]
macro_rules! acceptance_tests {
    ($adapter:ty, $make:path, $cases_min:literal) => {
        #[test]
        fn every_fixture_holds() {
            let checked = $crate::testing::check_fixtures::<$adapter>(env!("CARGO_MANIFEST_DIR"));
            assert!(checked.cases > $cases_min, "{}", checked.cases);
            assert!(checked.faults.is_empty(), "{}", checked.faults.join("\n"));
        }

        #[test]
        fn it_does_what_it_says_it_can_and_nothing_else() {
            let faults = $crate::testing::check_capabilities::<$adapter>(&mut $make());
            assert_eq!(faults, Vec::<String>::new());
        }

        #[test]
        fn every_recorded_byte_string_is_read_by_every_reader_without_a_panic() {
            let mut adapter = $make();
            let all = $crate::testing::recorded(env!("CARGO_MANIFEST_DIR"));
            assert!(!all.is_empty());
            all.iter().for_each(|bytes| $crate::testing::throw::<$adapter>(&mut adapter, bytes));
        }

        ::proptest::proptest! {
            #![proptest_config(::proptest::prelude::ProptestConfig::with_cases(128))]

            #[test]
            fn damaged_bytes_do_not_panic(
                pick: ::proptest::sample::Index,
                at: ::proptest::sample::Index,
                with in ::proptest::collection::vec(::proptest::prelude::any::<u8>(), 0..4),
                cut in 0usize..8,
            ) {
                let all = $crate::testing::recorded(env!("CARGO_MANIFEST_DIR"));
                let mut bytes = pick.get(&all).clone();
                let at = at.index(bytes.len());
                bytes.splice(at..(at + cut).min(bytes.len()), with);
                $crate::testing::throw::<$adapter>(&mut $make(), &bytes);
            }

            #[test]
            fn any_bytes_do_not_panic(
                bytes in ::proptest::collection::vec(::proptest::prelude::any::<u8>(), 0..200),
            ) {
                $crate::testing::throw::<$adapter>(&mut $make(), &bytes);
            }
        }
    };
}
