"""A transformer encoder that classifies sequences: positional encoding, padding mask, TransformerEncoder."""

import math

import numpy as np
import torch
from torch import nn, optim
from torch.nn import TransformerEncoder, TransformerEncoderLayer

torch.set_default_dtype(torch.float64)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.0, max_len=20):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        position = torch.arange(max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2] = torch.sin(position * div_term)
        pe[:, 0, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return self.dropout(x + self.pe[: x.size(0)])


class Classifier(nn.Module):
    def __init__(self, ntoken=15, d_model=8, nhead=2, d_hid=12, nlayers=2, nclass=3):
        super().__init__()
        self.d_model = d_model
        self.embedding = nn.Embedding(ntoken, d_model, padding_idx=0)
        self.pos_encoder = PositionalEncoding(d_model)
        layer = TransformerEncoderLayer(d_model, nhead, d_hid, dropout=0.0)
        self.encoder = TransformerEncoder(layer, nlayers, enable_nested_tensor=False)
        self.linear = nn.Linear(d_model, nclass)

    def forward(self, src, padding):
        x = self.pos_encoder(self.embedding(src) * math.sqrt(self.d_model))
        x = self.encoder(x, src_key_padding_mask=padding)
        keep = (~padding).t().unsqueeze(-1).type_as(x)
        return self.linear((x * keep).sum(0) / keep.sum(0))


random = np.random.RandomState(2)
model = Classifier()
for p in model.parameters():
    p.data.copy_(torch.from_numpy(random.randn(*p.shape) * 0.2))
optimizer = optim.AdamW(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for step in range(4):
    tokens = torch.from_numpy(random.randint(1, 15, (9, 6)))
    lengths = torch.from_numpy(random.randint(3, 10, 6))
    padding = torch.arange(9)[None, :] >= lengths[:, None]
    tokens.masked_fill_(padding.t(), 0)
    loss = criterion(model(tokens, padding), torch.from_numpy(random.randint(0, 3, 6)))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    print("step", step, "loss", loss.item())
model.eval()
with torch.no_grad():
    print(model(tokens, padding).tolist())
