import numpy as np

from tandem.serving.similarities import cosines, table_lines


def test_cosines_are_those_of_the_vectors():
    vectors = np.array([[3, 4], [-6, -8], [4, -3], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(cosines(vectors), [[1, -1, 0, 0], [-1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]], atol=1e-12)


def test_the_table_has_a_line_a_text_below_their_rows():
    table = np.array([[1, -0.00001], [-0.00001, 1]])
    head, first, second = table_lines([1, 12], ["a\nfilm", "x" * 80], table)
    assert head == "         1      12"
    assert first == " 1  1.0000  0.0000  a film"
    assert second == f"12  0.0000  1.0000  {'x' * 59}…"
    assert list(table_lines([], [], np.zeros((0, 0)))) == [""]
