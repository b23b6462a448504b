"""What readers see: one published version of all marts, and the digests that tell whether two versions are equal."""

from tenure.warehouse.digest import MartDigest, mart_digests
from tenure.warehouse.prepare import prepare_warehouse
from tenure.warehouse.publish import Publication, publish

__all__ = ["MartDigest", "Publication", "mart_digests", "prepare_warehouse", "publish"]
