"""What `irq-affinity` is made of: settings, which CPU for which vector, irqbalance, room for vectors."""
