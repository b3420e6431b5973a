"""Where tensors lie: addresses in pools, places in storages."""
