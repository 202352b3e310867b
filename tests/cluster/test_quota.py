"""Quotas on a real cluster with Kueue: two teams in a cohort, preemption of real steps, what people are told."""

import json
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.cluster.kubectl import Kubectl, Refused
from tests.cluster.quotas import Quotas, lure

from nemoflow.store.s3_server import Server

if TYPE_CHECKING:
    from tests.cluster.conftest import Cluster
