"""REINFORCE with a baseline on a small corridor, actions drawn by NumPy from the policy's probabilities."""

import argparse
from collections import deque, namedtuple
from itertools import count

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

parser = argparse.ArgumentParser()
parser.add_argument("--gamma", type=float, default=0.99)
args = parser.parse_args([])
torch.set_default_dtype(torch.float64)
random = np.random.RandomState(5)
SavedAction = namedtuple("SavedAction", ["log_prob", "value"])
eps = np.finfo(np.float64).eps.item()


class Corridor:
    def reset(self):
        self.at = 0
        return self.state()

    def state(self):
        return np.eye(5)[self.at]

    def step(self, action):
        self.at = min(4, self.at + 1) if action == 1 else max(0, self.at - 1)
        return self.state(), (1.0 if self.at == 4 else -0.1), self.at == 4


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(5, 12)
        self.action_head = nn.Linear(12, 2)
        self.value_head = nn.Linear(12, 1)
        self.saved_actions, self.rewards = [], []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


model = Policy()
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.from_numpy(random.randn(*p.shape) * 0.3))
optimizer = optim.RMSprop(model.parameters(), lr=1e-2)


def select_action(state):
    probs, state_value = model(torch.from_numpy(state))
    action = int(random.rand() > probs[0].item())
    model.saved_actions.append(SavedAction(torch.log(probs[action]), state_value))
    return action


def finish_episode():
    R, policy_losses, value_losses, returns = 0, [], [], deque()
    for r in model.rewards[::-1]:
        R = r + args.gamma * R
        returns.appendleft(R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    for (log_prob, value), R in zip(model.saved_actions, returns):
        policy_losses.append(-log_prob * (R - value.item()))
        value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
    optimizer.zero_grad()
    loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
    loss.backward()
    optimizer.step()
    del model.rewards[:]
    del model.saved_actions[:]
    return loss


env, running_reward = Corridor(), 0
for i_episode in count(1):
    state, ep_reward = env.reset(), 0
    for t in range(1, 40):
        state, reward, done = env.step(select_action(state))
        model.rewards.append(reward)
        ep_reward += reward
        if done:
            break
    running_reward = 0.05 * ep_reward + (1 - 0.05) * running_reward
    loss = finish_episode()
    print(f"Episode {i_episode}\tLast reward: {ep_reward:.2f}\tAverage reward: {running_reward:.6f}\tloss {loss:.9f}")
    if i_episode == 8:
        break
