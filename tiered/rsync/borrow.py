"""The address of the bytes of any Python buffer, without a copy.

`ctypes` finds the address of a writable buffer only; what is read from files are
`bytes` and read-only views of them.  The buffer protocol of CPython gives it for
all, and pins the bytes until they are given back.

Source: Python/C API reference manual, "Buffer Protocol"; the layout of Py_buffer
is part of the stable ABI since Python 3.11.
"""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

Data = bytes | bytearray | memoryview

_PLAIN_BYTES = 0  # PyBUF_SIMPLE: contiguous, readable


class _PyBuffer(ctypes.Structure):
    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]
    buf: int | None
    len: int


_get_buffer = ctypes.PYFUNCTYPE(
    ctypes.c_int, ctypes.py_object, ctypes.POINTER(_PyBuffer), ctypes.c_int
)(("PyObject_GetBuffer", ctypes.pythonapi))
_release_buffer = ctypes.PYFUNCTYPE(None, ctypes.POINTER(_PyBuffer))(
    ("PyBuffer_Release", ctypes.pythonapi)
)


@contextmanager
def borrowed(data: Data) -> Iterator[tuple[int, int]]:
    """Address and size in bytes of `data`, which stays put until the block ends.

    Raises:
        BufferError: `data` is a view with gaps, such as `view[::2]`.
        TypeError: `data` is not a buffer.
    """
    view = _PyBuffer()
    _get_buffer(data, view, _PLAIN_BYTES)
    try:
        yield view.buf or 0, view.len
    finally:
        _release_buffer(view)
