"""What `block-queue` and `nvme` are made of."""
