//! `numeric` as COPY sends it: digits to the base 10,000, their weight, a sign, and how many decimals are shown.
//! <https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c> (`numeric_send`)

use arrow_buffer::i256;

const NEGATIVE: u16 = 0x4000;
/// Digits of one group.
const GROUP: usize = 4;

/// Decimal digits of the largest number with its zeros: 76 digits, and 128 for the scale.
const MOST_DIGITS: usize = 208;

/// Writes the number `text * 10^-scale`, without the length in front; `text` is decimal, with a `-` where it is negative.
/// As the server keeps it: without groups of zeros at either end, so that what is read back has the same bytes.
pub(crate) fn write(text: &str, scale: i8, out: &mut Vec<u8>) {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (NEGATIVE, digits.as_bytes()),
        None => (0, text.as_bytes()),
    };
    let decimals = usize::try_from(scale).unwrap_or(0);
    // A negative scale is zeros behind.
    let zeros = usize::from(scale.min(0).unsigned_abs());
    let whole = (digits.len() + zeros).saturating_sub(decimals);
    // Whole groups on both sides of the point.
    let (before, after) = (whole.next_multiple_of(GROUP), decimals.next_multiple_of(GROUP));
    let mut padded = [b'0'; 2 * MOST_DIGITS];
    // The last digit stands `decimals` behind the point, or `zeros` before it.
    let start = before + decimals - zeros - digits.len();
    padded[start..start + digits.len()].copy_from_slice(digits);
    let mut groups = [0_i16; 2 * MOST_DIGITS / GROUP];
    let count = (before + after) / GROUP;
    for (group, chunk) in groups.iter_mut().zip(padded[..before + after].chunks(GROUP)) {
        *group = chunk
            .iter()
            .fold(0, |value, digit| value * 10 + i16::from(digit - b'0'));
    }
    let groups = &groups[..count];
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let trailing = groups[leading..].iter().rev().take_while(|group| **group == 0).count();
    let kept = &groups[leading..count - trailing];
    let weight = (before / GROUP) as i16 - 1 - leading as i16;
    let (sign, weight) = if kept.is_empty() { (0, 0) } else { (sign, weight) };
    out.extend_from_slice(&(kept.len() as i16).to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&(decimals as u16).to_be_bytes());
    kept.iter()
        .for_each(|group| out.extend_from_slice(&group.to_be_bytes()));
}

/// Reads the integer `value * 10^scale`. `None` for what is no number, has more decimals, or is too large.
pub(crate) fn read(bytes: &[u8], scale: i8) -> Option<i256> {
    let word = |at: usize| -> Option<i16> { Some(i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)) };
    let (count, weight, sign) = (word(0)?, word(2)?, word(4)? as u16);
    let count = usize::try_from(count).ok()?;
    if bytes.len() != 8 + 2 * count || !matches!(sign, 0 | NEGATIVE) {
        return None;
    }
    let ten = i256::from_i128(10);
    let mut value = i256::ZERO;
    for index in 0..count {
        let group = word(8 + 2 * index)?;
        if !(0..10_000).contains(&group) {
            return None;
        }
        value = value
            .checked_mul(i256::from_i128(10_000))?
            .checked_add(i256::from_i128(i128::from(group)))?;
    }
    if value == i256::ZERO {
        return Some(value);
    }
    // The last group's exponent, and what the scale adds.
    let exponent = 4 * (i32::from(weight) - count as i32 + 1) + i32::from(scale);
    let power = ten.checked_pow(exponent.unsigned_abs())?;
    let value = match exponent >= 0 {
        true => value.checked_mul(power)?,
        false if value.checked_rem(power)? == i256::ZERO => value.checked_div(power)?,
        false => return None,
    };
    Some(if sign == NEGATIVE { value.checked_neg()? } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str, scale: i8) -> Vec<u8> {
        let mut out = Vec::new();
        write(text, scale, &mut out);
        out
    }

    #[test]
    fn is_as_the_server_sends_it() {
        // As `copy (select 12345.67::numeric(10,2)) to stdout (format binary)` has it.
        assert_eq!(
            written("1234567", 2),
            [0, 3, 0, 1, 0, 0, 0, 2, 0, 1, 0x09, 0x29, 0x1a, 0x2c]
        );
        assert_eq!(written("0", 2), [0, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!(written("-1", 2), [0, 1, 0xff, 0xff, 0x40, 0, 0, 2, 0, 100]);
        assert_eq!(written("10000", 0), [0, 1, 0, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!(written("1", -4), written("10000", 0));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let nan = [0, 0, 0, 0, 0xc0, 0, 0, 0];
        for bad in [
            &nan[..],
            &[],
            &[0, 1, 0, 0, 0, 0, 0, 0],
            &[0, 1, 0, 0, 0, 0, 0, 0, 0x7f, 0xff],
            &[0xff; 8],
        ] {
            assert_eq!(read(bad, 0), None, "{bad:?}");
        }
        assert_eq!(read(&written("15", 1), 0), None, "1.5 is no integer");
        let huge = [0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1];
        assert_eq!(read(&huge, 0), None, "10^131068 fits nothing");
    }

    proptest! {
        #[test]
        fn every_decimal_comes_back(value in any::<i128>(), scale in -5_i8..=38) {
            let bytes = written(&value.to_string(), scale);
            prop_assert_eq!(read(&bytes, scale), Some(i256::from_i128(value)));
        }

        #[test]
        fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), scale in any::<i8>()) {
            let _ = read(&bytes, scale);
        }
    }
}
