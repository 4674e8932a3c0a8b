//! The acceptance list of an adapter, as tests of its own crate.
//!
//! Comes in: an adapter's type and how to make one with markets. Goes out: tests. Deliberately absent:
//! what only one venue needs; that stands beside the macro's call.

/// Writes the tests that every adapter has to pass: its fixtures hold, and there are more cases in them
/// than the number given; it does what it describes and nothing else; a row that cannot be read costs
/// itself alone and is told; no value turns into nothing without a word; and no bytes, recorded, damaged
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

        #[test]
        fn a_row_that_cannot_be_read_costs_itself_and_is_told() {
            let here = env!("CARGO_MANIFEST_DIR");
            let (counts, faults) = $crate::testing::check_broken_rows::<$adapter>(here);
            assert!(faults.is_empty(), "{}", faults.join("\n"));
            let declared = $make().describe().operations;
            for list in ["instruments", "balances", "positions", "open-orders", "fills"] {
                let is_there = counts.contains_key(list) || !declared.iter().any(|it| it == list);
                assert!(is_there, "no recorded {list} with a row: {counts:?}");
            }
        }

        ::proptest::proptest! {
            #![proptest_config(::proptest::prelude::ProptestConfig::with_cases(5_000))]

            #[test]
            fn a_value_that_is_not_as_documented_is_never_read_as_nothing_without_a_word(
                list: ::proptest::sample::Index,
                pick: ::proptest::sample::Index,
                damage in ::proptest::sample::select(&$crate::testing::Damage::ALL[..]),
            ) {
                static LISTS: ::std::sync::OnceLock<Vec<$crate::testing::RecordedList>> =
                    ::std::sync::OnceLock::new();
                let here = env!("CARGO_MANIFEST_DIR");
                let lists = LISTS.get_or_init(|| $crate::testing::recorded_lists::<$adapter>(here));
                let pick = pick.index(usize::MAX);
                let fault =
                    $crate::testing::check_damage::<$adapter>(here, list.get(lists), pick, damage);
                assert_eq!(fault, None);
            }
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
