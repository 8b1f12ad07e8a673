"""Generated protobuf modules land here at build time."""
