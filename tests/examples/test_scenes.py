import numpy as np
from canvas import Canvas
from dataset import write
from scenes import CALIBRATION_SEEDS, TEST_SEEDS, TRAINING_SEEDS, quantised, scene


def test_a_seed_always_draws_the_same_scene():
    one, again = scene(200_003), scene(200_003)
    assert (one.image == again.image).all()
    assert (one.mask == again.mask).all()


def test_seeds_draw_different_scenes():
    assert (scene(200_000).image != scene(200_001).image).mean() > 0.5


def test_scenes_are_what_the_network_takes():
    for seed in TEST_SEEDS[:8]:
        one = scene(seed)
        assert (one.image.shape, str(one.image.dtype)) == ((80, 120, 3), "uint8")
        assert (one.mask.shape, str(one.mask.dtype)) == ((80, 120), "bool")


def test_vehicles_cover_a_plausible_share_and_some_scenes_have_hardly_any():
    shares = np.array([scene(seed).mask.mean() for seed in TEST_SEEDS[:40]])
    assert 0.06 < shares.mean() < 0.16
    assert shares.min() < 0.02
    assert shares.max() > 0.2


def test_the_sets_are_disjoint():
    sets = [set(TRAINING_SEEDS), set(CALIBRATION_SEEDS), set(TEST_SEEDS)]
    assert len(set.union(*sets)) == sum(map(len, sets))


def test_a_data_set_holds_scenes_and_masks(tmp_path):
    write(tmp_path / "set.npz", range(200_000, 200_002), workers=1)
    stored, one = np.load(tmp_path / "set.npz"), scene(200_001)
    assert (stored["images"][1] == one.image).all()
    assert (stored["masks"][1] == one.mask).all()


def test_the_input_is_the_pixel_minus_128():
    image = np.arange(80 * 120 * 3, dtype=np.uint32).reshape(80, 120, 3).astype(np.uint8)
    array = quantised(image)
    assert (array.shape, str(array.dtype)) == ((1, 3, 80, 120), "int8")
    assert array[0, 2, 1, 0] == int(image[1, 0, 2]) - 128
    assert (array.min(), array.max()) == (-128, 127)


def test_what_hides_a_vehicle_hides_it_in_the_mask():
    canvas = Canvas(8, 8, 2)
    canvas.rectangle(0, 0, 8, 4, np.ones(3), vehicle=True)
    canvas.rectangle(0, 0, 4, 8, np.zeros(3))
    canvas.rectangle(0, 0, 8, 8, np.zeros(3), alpha=0.5)  # a shadow hides nothing
    _, mask = canvas.reduced()
    assert mask[:4, 4:].all()
    assert mask.sum() == 16


def test_shapes_outside_the_canvas_are_ignored():
    canvas = Canvas(8, 8, 2)
    canvas.polygon(((-9, -9), (-2, -9), (-2, -2)), np.ones(3), vehicle=True)
    canvas.ellipse((20, 4), (3, 3), np.ones(3), vehicle=True)
    assert not canvas.mask.any()


def test_a_half_covered_pixel_is_a_blend():
    canvas = Canvas(2, 2, 2)
    canvas.rectangle(0, 0, 0.5, 2, np.ones(3), vehicle=True)
    picture, mask = canvas.reduced()
    assert picture[0, 0].tolist() == [0.5, 0.5, 0.5]
    assert mask.tolist() == [[True, False], [True, False]]
