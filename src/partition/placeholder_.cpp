// partition
