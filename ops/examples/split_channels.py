#!/usr/bin/env python3
"""Splits a recording for a speech-to-text engine: the customer and the agent each in a file of their own.

    warmline consume --from https://gateway.example.com --token-file token \\
        --exec './split_channels.py {audio} {manifest} transcripts'

Channel 0 is the customer, channel 1 the agent, and both begin at the same moment, so that times in the two transcripts
can be compared. What is in the manifest's gaps is silence that nobody spoke; an engine can be told to skip it.

The output's names are the recording's, and they are renamed into place: running twice does no harm.
"""
import json
import os
import sys
import wave


def split(audio, roles, directory, name):
    """Writes one mono file for each role; their names."""
    with wave.open(audio) as both:
        width, rate = both.getsampwidth(), both.getframerate()
        if both.getnchannels() != len(roles):
            raise SystemExit(f"{audio} has {both.getnchannels()} channels, and the manifest {len(roles)}")
        paths = [os.path.join(directory, f"{name}.{role}.wav") for role in roles]
        outputs = [wave.open(path + ".part", "wb") for path in paths]
        for output in outputs:
            output.setnchannels(1)
            output.setsampwidth(width)
            output.setframerate(rate)
        # Ten seconds at a time: a recording may be hours long.
        while frames := both.readframes(10 * rate):
            for channel, output in enumerate(outputs):
                step = width * len(roles)
                samples = bytearray(len(frames) // len(roles))
                for byte in range(width):
                    samples[byte::width] = frames[channel * width + byte::step]
                output.writeframes(bytes(samples))
        for path, output in zip(paths, outputs):
            output.close()
            os.replace(path + ".part", path)
    return paths


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    audio, manifest, directory = sys.argv[1:]
    with open(manifest, encoding="utf-8") as file:
        recording = json.load(file)
    if recording["encryption"] or recording["audio"]["codec"] != "pcm_s16le":
        raise SystemExit("only 16-bit PCM can be split here: decrypt it, or convert it by ffmpeg, first")
    os.makedirs(directory, exist_ok=True)
    channels = sorted(recording["audio"]["channels"], key=lambda channel: channel["index"])
    paths = split(audio, [channel["role"] for channel in channels], directory, recording["id"])
    # Here the engine would be asked; what it says belongs beside the call's id.
    for channel, path in zip(channels, paths):
        gaps = [gap for gap in recording["gaps"] if gap["channel"] == channel["index"]]
        print(json.dumps({"call": recording["call"], "role": channel["role"], "file": path, "gaps": gaps}))


if __name__ == "__main__":
    main()
