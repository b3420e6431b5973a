"""Windows channel by channel: depthwise convolutions."""
