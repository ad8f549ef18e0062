from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pgic_core.codec.block_cutting import bands, columns, strips
from pgic_core.codec.rectangle import Rectangle
from pgic_core.codec.tiles_and_windows import Grid

sizes = st.integers(1, 3000)


@given(width=sizes, height=sizes, tile=st.sampled_from([64, 256, 512]))
def test_tiles_cover_the_coded_area_once(width: int, height: int, tile: int) -> None:
    grid = Grid.square(width, height, tile)
    seen = np.zeros((grid.padded.height // 64, grid.padded.width // 64), int)
    for index in range(grid.count):
        seen[grid.box(index).inside(grid.padded, 64)] += 1
    assert (seen == 1).all()


@given(width=sizes, height=sizes, data=st.data())
def test_touching_names_exactly_the_tiles_that_overlap(width: int, height: int, data: st.DataObject) -> None:
    grid = Grid.square(width, height, 256)
    left = data.draw(st.integers(0, width - 1))
    top = data.draw(st.integers(0, height - 1))
    area = Rectangle(
        left, top, data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    )
    overlaps = [i for i in range(grid.count) if (o := grid.box(i).overlap(area)).width > 0 and o.height > 0]
    assert list(grid.touching(area)) == overlaps


@given(top=st.integers(0, 4000), height=sizes, width=sizes, pixels=st.integers(1, 4_000_000))
def test_strips_cover_an_area_and_meet_at_tile_borders(
    top: int, height: int, width: int, pixels: int
) -> None:
    area = Rectangle(0, top, width, top + height)
    found = strips(area, 512, pixels)
    assert found[0].top == area.top
    assert found[-1].bottom == area.bottom
    for above, below in pairwise(found):
        assert above.bottom == below.top
        assert above.bottom % 512 == 0
    assert all(strip.width == width and strip.height > 0 for strip in found)


@given(
    left=st.integers(0, 900), top=st.integers(0, 900), by=st.integers(0, 200), align=st.sampled_from([16, 64])
)
def test_a_grown_box_holds_its_halo_or_ends_at_the_area(left: int, top: int, by: int, align: int) -> None:
    whole = Rectangle(0, 0, 1024, 1024)
    box = Rectangle(left, top, left + 100, top + 50)
    grown = box.grown(by, align, whole)
    assert grown.left % align == 0
    assert grown.top % align == 0
    assert grown.left <= max(0, left - by)
    assert grown.top <= max(0, top - by)
    assert grown.right >= min(1024, box.right + by)
    assert grown.bottom >= min(1024, box.bottom + by)
    assert grown.overlap(whole) == grown


@given(
    left=st.integers(0, 3000),
    top=st.integers(0, 3000),
    width=st.integers(1, 9000),
    height=sizes,
    pixels=st.integers(1, 3_000_000),
)
def test_blocks_cover_an_area_once_and_are_not_much_larger_than_asked(
    left: int, top: int, width: int, height: int, pixels: int
) -> None:
    area = Rectangle(left, top, left + width, top + height)
    found = [block for band in bands(area, 512, pixels) for block in columns(band, 512, pixels)]
    assert sum(block.width * block.height for block in found) == width * height
    assert all(block.overlap(area) == block and block.width > 0 and block.height > 0 for block in found)
    for block in found:
        assert block.left == left or block.left % 512 == 0
        assert block.top == top or block.top % 512 == 0
        assert block.width * block.height <= max(2 * pixels, 1024 * 1024)


def test_the_frame_of_a_box_is_what_its_surroundings_have_more() -> None:
    outer = Rectangle(2, 3, 40, 50)
    for box in (Rectangle(10, 10, 20, 20), Rectangle(2, 3, 40, 49), outer):
        seen = np.zeros((60, 60), int)
        for part in (box, *box.frame(outer)):
            seen[part.top : part.bottom, part.left : part.right] += 1
        assert seen.sum() == outer.width * outer.height
        assert seen.max() == 1
