//! Packets in a stream (RFC 4571 §2): each behind its length, two octets in network order.

use super::Malformed;

/// What came of a stream and wasn't taken yet.
///
/// Drive contract: *fill [`Frames::room`], say how much by [`Frames::advance`], then take
/// [`Frames::take`] until there is none.* There is room again then.
#[derive(Debug)]
pub struct Frames {
    octets: Box<[u8]>,
    /// What was taken, and what came: `octets[taken..came]` is between.
    taken: usize,
    came: usize,
}

impl Frames {
    /// The longest packet that is taken: what a slot holds, and more than an Ethernet's size.
    pub const LONGEST: usize = 2_000;

    /// Where the next octets go; never empty once all whole frames were taken.
    pub fn room(&mut self) -> &mut [u8] {
        self.octets.copy_within(self.taken..self.came, 0);
        self.came -= self.taken;
        self.taken = 0;
        &mut self.octets[self.came..]
    }

    /// The first `count` octets of the room are filled.
    pub fn advance(&mut self, count: usize) {
        self.came = (self.came + count).min(self.octets.len());
    }

    /// The next whole packet; `None` until more came. An empty frame is one, too: peers send it to
    /// keep a mapping alive.
    ///
    /// # Errors
    ///
    /// [`Malformed`]: longer than any packet of ours; nothing after it can be trusted.
    pub fn take(&mut self) -> Result<Option<&[u8]>, Malformed> {
        let Some((head, rest)) = self.octets[self.taken..self.came].split_first_chunk() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes(*head));
        if length > Self::LONGEST {
            return Err(Malformed);
        }
        let Some(packet) = rest.get(..length) else {
            return Ok(None);
        };
        self.taken += HEAD + length;
        Ok(Some(packet))
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self {
            octets: vec![0; HEAD + Self::LONGEST].into(),
            taken: 0,
            came: 0,
        }
    }
}

/// What a stream is to take and couldn't yet, whole frames only: a packet that doesn't fit is
/// dropped before its first octet.
#[derive(Debug, Default)]
pub struct Backlog {
    octets: Vec<u8>,
}

/// The peer doesn't read: the packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Backlog {
    /// Half a second of audio, or a handshake's flight. More would only arrive late.
    const LIMIT: usize = 4_096;

    /// Puts a packet behind what waits.
    ///
    /// # Errors
    ///
    /// [`Full`], also for a packet that no frame can hold.
    pub fn push(&mut self, packet: &[u8]) -> Result<(), Full> {
        let length = u16::try_from(packet.len()).map_err(|_| Full)?;
        if self.octets.len() + HEAD + packet.len() > Self::LIMIT {
            return Err(Full);
        }
        self.octets.extend(length.to_be_bytes());
        self.octets.extend(packet);
        Ok(())
    }

    /// What is to be written now.
    pub fn pending(&self) -> &[u8] {
        &self.octets
    }

    /// The stream took the first `count` octets.
    pub fn written(&mut self, count: usize) {
        self.octets.drain(..count.min(self.octets.len()));
    }
}

const HEAD: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_longer_than_any_packet_ends_the_stream() {
        let mut frames = Frames::default();
        frames.room()[..2].copy_from_slice(&2_001u16.to_be_bytes());
        frames.advance(2);
        assert_eq!(frames.take(), Err(Malformed));
    }

    #[test]
    fn there_is_room_for_the_longest_packet_behind_another() {
        let mut frames = Frames::default();
        let mut backlog = Backlog::default();
        backlog.push(&[1; 9]).expect("room");
        backlog.push(&[2; Frames::LONGEST]).expect("room");
        let taken = through(&mut frames, backlog.pending(), 1_500);
        assert_eq!(taken, [vec![1; 9], vec![2; Frames::LONGEST]]);
    }

    #[test]
    fn a_peer_that_reads_nothing_costs_no_more_than_the_limit() {
        let mut backlog = Backlog::default();
        let taken = (0..1_000)
            .filter(|_| backlog.push(&[0; 172]).is_ok())
            .count();
        assert_eq!(taken, Backlog::LIMIT / 174);
        backlog.written(174);
        assert_eq!(backlog.push(&[0; 172]), Ok(()));
        assert_eq!(backlog.push(&[0; 70_000]), Err(Full));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_the_stream_cuts_it(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12),
            cut in 1usize..700,
        ) {
            let mut backlog = Backlog::default();
            for packet in &packets {
                backlog.push(packet).expect("room");
            }
            let taken = through(&mut Frames::default(), backlog.pending(), cut);
            prop_assert_eq!(taken, packets);
        }

        #[test]
        fn no_octets_make_the_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..5_000)) {
            let mut frames = Frames::default();
            for piece in octets.chunks(97) {
                let room = frames.room();
                prop_assert!(room.len() >= piece.len() || !room.is_empty());
                let fits = piece.len().min(room.len());
                room[..fits].copy_from_slice(&piece[..fits]);
                frames.advance(fits);
                loop {
                    match frames.take() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(Malformed) => return Ok(()),
                    }
                }
            }
        }
    }

    /// Everything that comes out when `octets` go in by pieces of `cut`.
    fn through(frames: &mut Frames, octets: &[u8], cut: usize) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        let mut rest = octets;
        while !rest.is_empty() {
            let room = frames.room();
            let fits = cut.min(rest.len()).min(room.len());
            assert!(fits > 0, "no room");
            room[..fits].copy_from_slice(&rest[..fits]);
            frames.advance(fits);
            rest = &rest[fits..];
            while let Some(packet) = frames.take().expect("short frames") {
                taken.push(packet.to_vec());
            }
        }
        taken
    }
}
