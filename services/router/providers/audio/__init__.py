"""Speech and transcripts of providers whose protocols are their own: Deepgram and ElevenLabs."""
