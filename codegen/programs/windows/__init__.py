"""Windows of lines times weights: convolutions of one group, transposed ones, dense layers."""
