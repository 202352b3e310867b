"""Rows, files and folders under one root, a folder or a bucket alike; each object published whole or not at all."""

from nemoflow.store.folders import fetch_folder, publish_folder
from nemoflow.store.open import open_store
from nemoflow.store.protocol import Entry, FileInfo, Store
from nemoflow.store.rows import RowWriter, read_rows, write_rows

__all__ = ["Entry", "FileInfo", "RowWriter", "Store", "fetch_folder", "open_store", "publish_folder", "read_rows", "write_rows"]
