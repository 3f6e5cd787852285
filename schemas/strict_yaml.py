"""YAML as a recipe may use it: plain values, no key twice, no document that grows when read."""

from __future__ import annotations

from typing import Any

import yaml

from schemas.errors import UserError

# A recipe has some hundred values; what aliases and merges unfold to beyond this is a bomb.
_MAX_NODES = 100_000
_SCALARS = ("str", "int", "float", "bool", "null", "timestamp", "merge")
_TAGS = {f"tag:yaml.org,2002:{name}" for name in (*_SCALARS, "seq", "map")}
_MERGE = "tag:yaml.org,2002:merge"


def load_yaml(text: str, where: str) -> Any:
    """Return the value of one YAML document; `where` names it in errors.

    Raises:
        UserError: it is not YAML, or holds a tag, a repeated key or an alias that is refused.
    """
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _size(node, {}, where)
        return loader.construct_document(node)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or type(error).__name__
        raise UserError(f"{where}: not a YAML recipe{line}: {problem}") from None


def _size(node: yaml.Node, known: dict[int, int | None], where: str) -> int:
    """Return how many nodes a node unfolds to, each alias counted in full."""
    at = f"{where}: line {node.start_mark.line + 1}"
    if id(node) in known:
        size = known[id(node)]
        if size is None:
            raise UserError(f"{at}: an alias inside of what it stands for")
        return size
    if node.tag not in _TAGS:
        raise UserError(f"{at}: got the tag {node.tag!r}, expected plain values")
    known[id(node)] = None
    children = []
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    elif isinstance(node, yaml.MappingNode):
        _distinct(node, at)
        children = [part for pair in node.value for part in pair]
    size = known[id(node)] = 1 + sum(_size(child, known, where) for child in children)
    if size > _MAX_NODES:
        raise UserError(f"{at}: unfolds to more than {_MAX_NODES} values")
    return size


def _distinct(node: yaml.MappingNode, at: str) -> None:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            if key.value in seen:
                raise UserError(f"{at}: the key {key.value!r} is there twice")
            seen.add(key.value)
