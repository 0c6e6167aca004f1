"""A face becomes landmarks: the largest face followed from frame to frame, or all of a picture's.

Knows MediaPipe's face mesh and how to keep it on a face; does not know poses, people or time. Only
the files `tracker*.py` import mediapipe.

Following: the mesh looks for the face of the next frame where it saw it in the last. It is given a
square that moves and grows with the face, so that small faces keep their pixels and a big picture
costs no more than a small one. Since the square of a frame is centred on the face of the frame
before, the mesh's own guess then also carries the last movement on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from avatar.frames import NUM_LANDMARKS, ByteArray, FloatArray
from avatar.motion.crop import Square, cut
from avatar.motion.native_log import quiet_native_log
from avatar.motion.tracker_points import points_of
from avatar.motion.tracker_search import CONFIRMED, FaceBox, FaceSearch

CROP_PX = 256
CROP_SHARE = 2.0
"""Side of the followed square in sizes of the face (longer side of its landmarks' box)."""
FACE_PER_BOX = 1.35
"""Size of a face's landmarks in sides of its detection box."""
CENSUS_S = 1.0
"""How often a tracked picture is searched for other faces."""
SWITCH_RATIO = 1.35
"""Another face must be this much larger than the tracked one, twice in a row, to take over."""
_MIN_FACE_PX = 16.0


@dataclass(frozen=True, slots=True)
class FaceObservation:
    """A face in a picture."""

    landmarks_N3: FloatArray
    """Pixels of the picture; z in the same unit, smaller is nearer."""
    size_px: float
    """Longer side of the landmarks' box."""
    score: float
    """0..1: how surely it is a face (`FaceSearch.confirm`; photographs about 0.85)."""

    @property
    def centre_2(self) -> FloatArray:
        """Middle of the landmarks' box."""
        points = self.landmarks_N3[:468, :2]
        return np.asarray(0.5 * (points.min(0) + points.max(0)), dtype=np.float32)


def _observe(landmarks_N3: FloatArray, score: float) -> FaceObservation:
    points = landmarks_N3[:468, :2]
    return FaceObservation(landmarks_N3, float((points.max(0) - points.min(0)).max()), score)


class _Mesh:
    """MediaPipe's face mesh with irises on square crops."""

    def __init__(self, *, is_static: bool) -> None:
        with quiet_native_log():
            from mediapipe.python.solutions.face_mesh import FaceMesh

            self._mesh: Any = FaceMesh(
                static_image_mode=is_static,
                max_num_faces=1,
                refine_landmarks=True,
                min_detection_confidence=0.4,
                min_tracking_confidence=0.5,
            )
            # The delegate is made, and says so, at the first picture.
            self._mesh.process(np.zeros((CROP_PX, CROP_PX, 3), dtype=np.uint8))
        self._has_warned = False

    def look(self, rgb_HW3: ByteArray, square: Square) -> FloatArray | None:
        """Landmarks (478, 3) in picture pixels of the face in a square, or None."""
        crop, cut_square = cut(rgb_HW3, square, CROP_PX)
        if self._has_warned:
            found = self._mesh.process(crop).multi_face_landmarks
        else:  # the first face makes the landmark model warn about nothing
            with quiet_native_log():
                found = self._mesh.process(crop).multi_face_landmarks
            self._has_warned = bool(found)
        if not found:
            return None
        points = points_of(found[0])
        assert points.shape == (NUM_LANDMARKS, 3)
        return cut_square.to_picture(points)

    def close(self) -> None:
        self._mesh.close()


class FaceTracker:
    """Follows the largest face of a stream of pictures.

    `num_faces` counts the faces of the last census, `num_lost` and `num_reacquired` events.
    """

    def __init__(self) -> None:
        self._mesh = _Mesh(is_static=False)
        self._search = FaceSearch()
        self.num_faces = 0
        self.num_lost = 0
        self.num_reacquired = 0
        self._is_closed = False
        self.reset()

    def reset(self) -> None:
        """Forget the face and search the next picture everywhere."""
        self._face: FaceObservation | None = None
        self._last_seen: FaceObservation | None = None
        self._is_fresh = True
        self._census_s: float | None = None
        self._rival: FaceBox | None = None
        self._picture_hw: tuple[int, int] | None = None

    def track(self, rgb_HW3: ByteArray, time_s: float) -> FaceObservation | None:
        """The face in the next picture of the stream; None where none is found.

        `rgb_HW3` uint8 (rows, columns, 3) of any size, which may change in mid-stream; `time_s` its
        presentation time in seconds.
        """
        assert not self._is_closed, "the tracker is closed"
        assert rgb_HW3.ndim == 3
        assert rgb_HW3.shape[2] == 3
        picture_hw = (rgb_HW3.shape[0], rgb_HW3.shape[1])
        if self._picture_hw is not None and picture_hw != self._picture_hw:
            self._rescale(self._picture_hw, picture_hw)
        self._picture_hw = picture_hw

        if self._face is not None:
            face = self._follow(rgb_HW3, self._face)
            if face is not None:
                self._face = self._last_seen = face
                self._take_census(rgb_HW3, time_s)
                return self._face
            self._face = None
            self.num_lost += 1
        face = self._acquire(rgb_HW3)
        if face is not None:
            if self._last_seen is not None:
                self.num_reacquired += 1
            self._face = self._last_seen = face
            self.num_faces = max(self.num_faces, 1)
        return face

    def _rescale(self, old_hw: tuple[int, int], new_hw: tuple[int, int]) -> None:
        """A sender may change its resolution: the face is expected at the same place of it."""
        factor = np.array([new_hw[1] / old_hw[1], new_hw[0] / old_hw[0], 1.0], dtype=np.float32)
        if self._face is not None:
            self._face = _observe(self._face.landmarks_N3 * factor, self._face.score)
        self._last_seen = self._face
        self._rival = None

    def _follow(self, rgb_HW3: ByteArray, face: FaceObservation) -> FaceObservation | None:
        square = Square.about(face.centre_2, CROP_SHARE * face.size_px)
        # When the mesh loses its face it says so once and then detects anew in the same square.
        for _ in range(2):
            landmarks = self._mesh.look(rgb_HW3, square)
            if landmarks is not None:
                found = _observe(landmarks, face.score)
                if _is_plausible(found, rgb_HW3) and 0.4 < found.size_px / face.size_px < 2.5:
                    return found
        return None

    def _acquire(self, rgb_HW3: ByteArray) -> FaceObservation | None:
        if self._is_fresh:
            boxes = self._search.first(rgb_HW3)
            self._is_fresh = False
        else:
            boxes = self._search.step(rgb_HW3)
        self.num_faces = len(boxes)
        places = [
            (np.array([b.x, b.y], dtype=np.float32), FACE_PER_BOX * b.side)
            for b in self._preferred(boxes)[:2]
        ]
        if not places and self._last_seen is not None:
            places = [(self._last_seen.centre_2, 1.4 * self._last_seen.size_px)]
        for centre, size in places:
            landmarks = self._mesh.look(rgb_HW3, Square.about(centre, CROP_SHARE * size))
            if landmarks is None:
                continue
            found = _observe(landmarks, 0.0)
            if not _is_plausible(found, rgb_HW3):
                continue
            score = self._search.confirm(rgb_HW3, found.centre_2, found.size_px)
            if score >= CONFIRMED:
                return replace(found, score=score)
        return None

    def _preferred(self, boxes: list[FaceBox]) -> list[FaceBox]:
        """Largest first, but the face just lost before others unless they are clearly larger."""
        if self._last_seen is None:
            return boxes
        own = _box_of(self._last_seen)
        return sorted(
            boxes, key=lambda b: -b.side * (SWITCH_RATIO if b.overlap(own) > 0.3 else 1.0)
        )

    def _take_census(self, rgb_HW3: ByteArray, time_s: float) -> None:
        """Every so often: are there other faces, and is one of them clearly larger?"""
        if self._census_s is not None and 0.0 <= time_s - self._census_s < CENSUS_S:
            return
        self._census_s = time_s
        assert self._face is not None
        own = _box_of(self._face)
        others = [box for box in self._search.whole(rgb_HW3, is_far=True) if box.overlap(own) < 0.2]
        self.num_faces = 1 + len(others)
        largest = max(others, key=lambda b: b.side, default=None)
        if largest is None or largest.side < SWITCH_RATIO * own.side:
            self._rival = None
            return
        if self._rival is None or self._rival.overlap(largest) < 0.3:
            self._rival = largest
            return
        self._rival = None
        square = Square.about(
            np.array([largest.x, largest.y], dtype=np.float32),
            CROP_SHARE * FACE_PER_BOX * largest.side,
        )
        landmarks = self._mesh.look(rgb_HW3, square)
        if landmarks is not None:
            # Boxes mislead about size; landmarks decide.
            found = _observe(landmarks, largest.score)
            if (
                _is_plausible(found, rgb_HW3)
                and found.size_px >= SWITCH_RATIO * self._face.size_px
                and self._search.confirm(rgb_HW3, found.centre_2, found.size_px) >= CONFIRMED
            ):
                self._face = self._last_seen = found

    def close(self) -> None:
        """Release the models."""
        if not self._is_closed:
            self._is_closed = True
            self._mesh.close()
            self._search.close()


def _box_of(face: FaceObservation) -> FaceBox:
    x, y = (float(v) for v in face.centre_2)
    return FaceBox(x, y, face.size_px / FACE_PER_BOX, face.score)


def _is_plausible(face: FaceObservation, rgb_HW3: ByteArray) -> bool:
    rows, columns = rgb_HW3.shape[:2]
    x, y = face.centre_2
    return face.size_px >= _MIN_FACE_PX and 0 <= x < columns and 0 <= y < rows


class FaceLocator:
    """Finds the faces of single pictures, wherever and of whatever size."""

    def __init__(self) -> None:
        self._mesh = _Mesh(is_static=True)
        self._search = FaceSearch()

    def locate(self, rgb_HW3: ByteArray) -> list[FaceObservation]:
        """All faces, largest first; empty where there is none."""
        faces: list[FaceObservation] = []
        for box in self._search.everywhere(rgb_HW3):
            face = self._mesh_of(rgb_HW3, box)
            if face is None or any(
                np.linalg.norm(face.centre_2 - other.centre_2) < 0.4 * other.size_px
                for other in faces
            ):
                continue
            score = self._search.confirm(rgb_HW3, face.centre_2, face.size_px)
            if score >= CONFIRMED:
                faces.append(replace(face, score=score))
        return sorted(faces, key=lambda f: -f.size_px)

    def _mesh_of(self, rgb_HW3: ByteArray, box: FaceBox) -> FaceObservation | None:
        centre = np.array([box.x, box.y], dtype=np.float32)
        face = None
        for share in (CROP_SHARE, 1.5, 3.0):
            landmarks = self._mesh.look(
                rgb_HW3, Square.about(centre, share * FACE_PER_BOX * box.side)
            )
            if landmarks is not None:
                face = _observe(landmarks, box.score)
                break
        if face is None or not _is_plausible(face, rgb_HW3):
            return None
        # Looked at once more about its own place, as a tracker would in the next frame.
        again = self._mesh.look(rgb_HW3, Square.about(face.centre_2, CROP_SHARE * face.size_px))
        if again is not None:
            better = _observe(again, box.score)
            if _is_plausible(better, rgb_HW3) and 0.7 < better.size_px / face.size_px < 1.4:
                return better
        return face

    def close(self) -> None:
        """Release the models."""
        self._mesh.close()
        self._search.close()


def locate_faces(rgb_HW3: ByteArray) -> list[FaceObservation]:
    """All faces of one picture, largest first (a locator made and released for it)."""
    locator = FaceLocator()
    try:
        return locator.locate(rgb_HW3)
    finally:
        locator.close()


def locate_face(rgb_HW3: ByteArray) -> FaceObservation | None:
    """The largest face of one picture, or None."""
    faces = locate_faces(rgb_HW3)
    return faces[0] if faces else None


def mesh_edges() -> set[tuple[int, int]]:
    """The face mesh's edge table, each edge once with its smaller index first."""
    with quiet_native_log():
        from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    return {(min(a, b), max(a, b)) for a, b in FACEMESH_TESSELATION}
