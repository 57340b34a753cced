use super::queue::{Need, Queue};
use proptest::prelude::*;

const MEMORY: usize = 2;

fn need(of: usize, amount: u64) -> Need {
    Need { of, amount }
}

/// Two limits and a memory of 10, and what each call needs.
fn queue(needs: &[&[Need]], patience: usize) -> Queue {
    let mut queue = Queue::limited(
        &[1, 2, 10],
        needs.iter().map(|needs| needs.to_vec()).collect(),
        patience,
    );
    (0..needs.len()).for_each(|call| queue.push(call));
    queue
}

fn begun(queue: &mut Queue) -> Vec<usize> {
    std::iter::from_fn(|| queue.begin()).collect()
}

#[test]
fn without_limits_calls_begin_as_they_came() {
    let mut queue = Queue::default();
    [3, 1, 2].into_iter().for_each(|call| queue.push(call));
    assert_eq!(begun(&mut queue), [3, 1, 2]);
}

#[test]
fn a_call_that_waits_keeps_no_other_waiting() {
    let db = &[need(0, 1)][..];
    let mut queue = queue(&[db, db, &[], db, &[need(1, 1)]], 4);
    assert_eq!(begun(&mut queue), [0, 2, 4]);
    assert!(queue.end(0));
    assert_eq!(begun(&mut queue), [1]);
    assert!(queue.end(2), "it had no place in any limit");
    assert_eq!(begun(&mut queue), Vec::<usize>::new());
    assert!(queue.end(1));
    assert!(!queue.end(1), "it has ended");
    assert_eq!(begun(&mut queue), [3]);
}

#[test]
fn memory_is_shared_and_more_than_all_of_it_is_all_of_it() {
    let mut queue = queue(&[&[need(MEMORY, 6)], &[need(MEMORY, 99)], &[need(MEMORY, 4)]], 9);
    assert_eq!((begun(&mut queue), queue.room(MEMORY)), (vec![0, 2], 0));
    queue.end(0);
    assert_eq!(begun(&mut queue), Vec::<usize>::new(), "the large one runs alone");
    queue.end(2);
    assert_eq!((begun(&mut queue), queue.room(MEMORY)), (vec![1], 0));
    queue.end(1);
    assert_eq!(queue.room(MEMORY), 10);
}

#[test]
fn a_large_call_does_not_wait_for_ever_behind_small_ones() {
    let small = &[need(MEMORY, 4)][..];
    let large = [need(MEMORY, 9)];
    let mut needs = vec![small, &large];
    needs.resize(12, small);
    needs.push(&[]);
    let mut queue = queue(&needs, 3);
    assert_eq!(begun(&mut queue), [0, 2, 12]);
    // Two small ones run at any time, so that there would never be room for nine.
    queue.end(0);
    assert_eq!(begun(&mut queue), [3]);
    queue.end(2);
    assert_eq!(begun(&mut queue), [4]);
    queue.end(3);
    assert_eq!(begun(&mut queue), Vec::<usize>::new(), "three have overtaken it");
    queue.end(4);
    assert_eq!(begun(&mut queue), [1]);
    queue.end(1);
    assert_eq!(begun(&mut queue), [5, 6]);
}

#[test]
fn who_needs_two_things_gets_both() {
    let both = &[need(0, 1), need(1, 2)][..];
    let (one, other) = (&[need(0, 1)][..], &[need(1, 1)][..]);
    let mut queue = queue(&[one, both, other, one, other, one, other], 2);
    // The first is in line for one; the others that overtake take turns at both.
    assert_eq!(begun(&mut queue), [0, 2, 4]);
    queue.end(0);
    assert_eq!(begun(&mut queue), Vec::<usize>::new(), "two have overtaken it");
    queue.end(2);
    queue.end(4);
    assert_eq!(begun(&mut queue), [1]);
    queue.end(1);
    assert_eq!(begun(&mut queue), [3, 6]);
}

#[test]
fn who_is_given_up_has_waited_longest_and_has_no_place() {
    let db = &[need(0, 1)][..];
    let mut queue = queue(&[db, &[need(1, 1)], db], 4);
    assert_eq!(queue.give_up(), Some(0));
    assert!(!queue.end(0));
    assert_eq!(begun(&mut queue), [1, 2]);
    assert_eq!(queue.give_up(), None);
}

#[test]
fn who_is_forgotten_never_begins_and_keeps_nobody_waiting() {
    let db = &[need(0, 1)][..];
    let mut queue = queue(&[db, db, db, &[need(1, 1)], db], 4);
    queue.forget(0);
    queue.forget(2);
    queue.forget(2);
    assert_eq!(begun(&mut queue), [1, 3]);
    queue.forget(1);
    queue.end(1);
    assert_eq!(begun(&mut queue), [4]);
}

proptest! {
    /// Whatever calls need and whenever they end: nobody gets what is not there, and all begin.
    #[test]
    fn no_limit_is_exceeded_and_everybody_begins(
        sizes in prop::collection::vec(1_u64..20, 1..4),
        calls in prop::collection::vec((prop::collection::vec(0_u64..25, 3), 0_usize..4), 1..60),
        patience in 1_usize..5,
        slots in 1_usize..6,
        ends in prop::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        let needs: Vec<Vec<Need>> = calls
            .iter()
            .map(|(amounts, _)| {
                let amounts = amounts.iter().take(sizes.len()).enumerate();
                amounts.filter(|(_, amount)| **amount > 0).map(|(of, amount)| need(of, *amount)).collect()
            })
            .collect();
        let mut queue = Queue::limited(&sizes, needs.clone(), patience);
        let (mut running, mut begun, mut ends) = (Vec::new(), vec![false; calls.len()], ends.into_iter());
        // Calls come in waves, as others end.
        let mut to_come: Vec<usize> = (0..calls.len()).rev().collect();
        loop {
            let wave = to_come.last().map_or(0, |call| calls[*call].1);
            for call in to_come.split_off(to_come.len().saturating_sub(wave.max(1))).into_iter().rev() {
                queue.push(call);
            }
            while running.len() < slots && let Some(call) = queue.begin() {
                prop_assert!(!std::mem::replace(&mut begun[call], true), "{call} began twice");
                running.push(call);
                for (of, size) in sizes.iter().enumerate() {
                    let taken = running.iter().flat_map(|call| &needs[*call]).filter(|need| need.of == of);
                    let taken: Vec<u64> = taken.map(|need| need.amount).collect();
                    let sum: u64 = taken.iter().sum();
                    prop_assert!(sum <= *size || taken.len() == 1, "{taken:?} of {size}");
                }
            }
            if running.is_empty() {
                if to_come.is_empty() { break }
                continue;
            }
            let ended = ends.next().map_or(0, |index| index.index(running.len()));
            queue.end(running.swap_remove(ended));
        }
        prop_assert!(begun.iter().all(|begun| *begun), "{begun:?}");
    }
}
