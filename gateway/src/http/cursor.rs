//! A page's end, as the next question names it: made by us, and opaque to the caller.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::problem::Problem;
use crate::store::{Place, RecordingPlace};

pub(super) fn write(place: &Place) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {}", place.started_at, place.call))
}

/// # Errors
///
/// It isn't one of ours.
pub(super) fn read(cursor: &str) -> Result<Place, Problem> {
    let place = || {
        let (started_at, call) = split(cursor)?;
        let call = call.parse().ok()?;
        Some(Place { started_at, call })
    };
    place().ok_or_else(not_ours)
}

pub(super) fn write_recording(place: &RecordingPlace) -> String {
    URL_SAFE_NO_PAD.encode(format!("{} {}", place.started_at, place.id))
}

/// # Errors
///
/// It isn't one of ours.
pub(super) fn read_recording(cursor: &str) -> Result<RecordingPlace, Problem> {
    let (started_at, id) = split(cursor)
        .filter(|(_, id)| id.starts_with("r_"))
        .ok_or_else(not_ours)?;
    Ok(RecordingPlace { started_at, id })
}

fn split(cursor: &str) -> Option<(u64, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (started_at, id) = text.split_once(' ')?;
    Some((started_at.parse().ok()?, id.to_owned()))
}

fn not_ours() -> Problem {
    Problem::bad_request("This \"cursor\" isn't one of ours.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::CallId;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        let place = Place {
            started_at: 1_900_000_000_000,
            call: CallId::fresh(),
        };
        let cursor = write(&place);
        assert!(!cursor.contains(place.call.as_str()));
        assert_eq!(read(&cursor), Ok(place));
        for text in ["", "5", "MTIz", "c_1", "🙂"] {
            assert!(read(text).is_err(), "{text}");
            assert!(read_recording(text).is_err(), "{text}");
        }
        let place = RecordingPlace {
            started_at: 1_900_000_000_000,
            id: "r_1".to_owned(),
        };
        assert_eq!(read_recording(&write_recording(&place)), Ok(place));
        assert!(read_recording(&cursor).is_err());
    }
}
