use super::*;
use arrow_array::{ArrayRef, Int32Array};
use arrow_schema::{DataType, Field};

/// Takes what is to be done next by a thread that did `last` before, and does it.
fn step(encoders: &Encoders, last: Option<usize>) -> Option<usize> {
    let (index, mut column, task) = encoders.lock().next(last)?;
    let done = column.run(index, task);
    encoders.lock().settle(index, column, Duration::ZERO, done);
    Some(index)
}

#[test]
fn a_thread_stays_with_its_column_as_long_as_that_has_work() {
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter(["a", "b", "c"].map(|name| (name, Arc::clone(&numbers)))).expect("fits");
    let encoders = Encoders::new(batch.schema().fields(), &WriterProperties::default()).expect("are made");
    let full = || !encoders.lock().has_room();
    let push = |held, begins| encoders.push(vec![batch.clone()], held, begins);
    for number in 0..FIRST_AHEAD {
        assert!(encoders.row_bytes().is_none());
        push(1, number == 0);
    }
    assert!(full(), "nobody knows yet how large its rows are");
    encoders.close();
    let first = step(&encoders, None).expect("has work");
    // The other chunks, and the end of the group.
    for _ in 0..FIRST_AHEAD {
        assert_eq!(step(&encoders, Some(first)), Some(first));
    }
    let next = step(&encoders, Some(first)).expect("others have work");
    assert_ne!(next, first);
    let mut last = Some(next);
    while last.is_some() {
        last = step(&encoders, last);
    }
    assert!(!full() && encoders.row_bytes().is_some());
    assert_eq!(
        encoders.group().expect("is encoded").map(|columns| columns.len()),
        Some(3)
    );
    push(BYTES_AHEAD, true);
    assert!(full(), "it holds enough by itself");
}

#[test]
fn few_columns_wait_with_few_chunks() {
    let most = |columns: usize| {
        let fields: Fields = (0..columns)
            .map(|index| Field::new(format!("c{index}"), DataType::Int32, true))
            .collect();
        let encoders = Encoders::new(&fields, &WriterProperties::default()).expect("are made");
        let mut state = encoders.lock();
        let first = state.ahead();
        state.pushed = CHUNKS_AHEAD;
        (first, state.ahead())
    };
    assert_eq!(most(4), (4, 4));
    assert_eq!(most(5), (4, 8));
}
