//! WAV files: their header, which is written when all else is, and their samples.

use media::codec::g711;

/// How the samples of a WAV file are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// 16 bits, the lower octet first.
    Pcm,
    Alaw,
}

impl Coding {
    /// Octets of a sample of one channel.
    fn width(self) -> u32 {
        match self {
            Self::Pcm => 2,
            Self::Alaw => 1,
        }
    }

    /// Appends both channels' samples, taking turns.
    pub fn write(self, [customer, agent]: [&[i16]; 2], out: &mut Vec<u8>) {
        for (customer, agent) in customer.iter().zip(agent) {
            match self {
                Self::Pcm => {
                    out.extend(customer.to_le_bytes());
                    out.extend(agent.to_le_bytes());
                }
                Self::Alaw => {
                    out.extend([g711::encode_alaw(*customer), g711::encode_alaw(*agent)]);
                }
            }
        }
    }

    /// The header of a file with so many octets of samples. It always has the same length.
    pub fn header(self, octets: u64) -> [u8; HEADER] {
        let octets = u32::try_from(octets).unwrap_or(u32::MAX - HEADER as u32);
        let (tag, block) = match self {
            Self::Pcm => (1u16, 2 * self.width()),
            Self::Alaw => (6, 2 * self.width()),
        };
        let mut header = Vec::with_capacity(HEADER);
        header.extend(b"RIFF");
        header.extend((octets + HEADER as u32 - 8).to_le_bytes());
        header.extend(b"WAVEfmt ");
        header.extend(18u32.to_le_bytes());
        header.extend(tag.to_le_bytes());
        header.extend(2u16.to_le_bytes());
        header.extend(super::timeline::RATE.to_le_bytes());
        header.extend((super::timeline::RATE * block).to_le_bytes());
        header.extend((block as u16).to_le_bytes());
        header.extend((8 * self.width() as u16).to_le_bytes());
        header.extend(0u16.to_le_bytes());
        // What isn't PCM tells its samples apart (RFC 2361 §2), and PCM may.
        header.extend(b"fact");
        header.extend(4u32.to_le_bytes());
        header.extend((octets / block).to_le_bytes());
        header.extend(b"data");
        header.extend(octets.to_le_bytes());
        header.try_into().expect("the fields add up to its length")
    }
}

/// Octets before the samples.
pub const HEADER: usize = 58;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_take_turns_behind_the_header() {
        let customer: Vec<i16> = (0..800).map(|n| n * 40).collect();
        let agent: Vec<i16> = (0..800).map(|n| -n * 40).collect();
        let mut file = Vec::new();
        Coding::Pcm.write([&customer, &agent], &mut file);
        file.splice(0..0, Coding::Pcm.header(file.len() as u64));
        let read = file;
        assert_eq!(read.len(), HEADER + 3_200);
        assert_eq!(&read[HEADER..HEADER + 8], &[0, 0, 0, 0, 40, 0, 216, 255]);
        assert_eq!(
            u32::from_le_bytes([read[54], read[55], read[56], read[57]]),
            3_200
        );
    }

    #[test]
    fn alaw_is_half_as_long() {
        let mut file = Vec::new();
        Coding::Alaw.write([&[8; 100], &[-8; 100]], &mut file);
        assert_eq!(file.len(), 200);
        assert_eq!(&file[..2], &[0xd5, 0x55]);
    }
}
