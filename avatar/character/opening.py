"""From one to four picture files to a character: decode, find, frame, cut out, fill.

Knows the order of the steps and every reason for which a picture is refused; each step's how lies
in its own file. Takes about a second per picture; nothing is kept on disk.

Shape legend: N landmarks; J joints; H, W pixels; 3 colours; 2, 3 components of a point.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from avatar.character.character import (
    DEFAULT_SIZE_PX,
    Character,
    Framing,
    ReferenceView,
    canvas_hw,
)
from avatar.character.finding import FoundFace, find_body, find_faces, main_face
from avatar.character.framing import (
    Crop,
    Person,
    choose_framing,
    cut,
    frame_person,
    needs_upright,
    picture_hw,
)
from avatar.character.layers import estimate_foreground, fill_background
from avatar.character.matte import (
    cover_face,
    keep_connected,
    keep_own_person,
    refine_matte,
)
from avatar.character.picture import DecodedPicture, PictureLimits, PictureSource
from avatar.character.sandbox import decode_picture
from avatar.errors import PictureError, PictureReason
from avatar.frames import ByteArray, FloatArray, ReferenceGeometry
from avatar.motion.geometry import reference_geometry
from avatar.motion.rotation import yaw_pitch_roll
from avatar.motion.tracker_matte import segment_person
from avatar.warp.rig import build_rig
from avatar.warp.skeleton_cover import cover_body

MAX_PICTURES = 4
MIN_IOD_PX = 14.0
"""Between the eyes, in the picture as given; below it no landmark means anything."""
SOFT_IOD_PX = 36.0
"""Below this the character works, and looks soft."""
_THUMBNAIL_PX = 256
_NEUTRAL_GREY = 150
"""Behind transparent pictures (emoji, cut-outs)."""
_BAND_IOD = 0.2
"""Half width of the matte's uncertain band: hair reaches about this far."""


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A decoded picture and the person in it, in its own pixels."""

    picture: DecodedPicture
    rgb_HW3: ByteArray
    face: FoundFace
    others: tuple[FoundFace, ...]
    person: Person


def open_character(
    pictures: Sequence[PictureSource],
    *,
    name: str = "",
    character_id: str | None = None,
    framing: Framing | None = None,
    size_px: int = DEFAULT_SIZE_PX,
    limits: PictureLimits | None = None,
) -> Character:
    """Make a character of one to four pictures of the same person.

    The most frontal and neutral picture becomes the one that is animated. Raises PictureError with
    a reason and a remedy, ValueError for a size that is not a canvas size.
    """
    if not 1 <= len(pictures) <= MAX_PICTURES:
        raise PictureError(
            PictureReason.TOO_LARGE if pictures else PictureReason.UNREADABLE,
            f"{len(pictures)} pictures were given; a character takes 1 to {MAX_PICTURES}.",
        )
    sightings = [
        _sight(decode_picture(source, index=index, limits=limits))
        for index, source in enumerate(pictures)
    ]
    sightings.sort(key=lambda sighting: _strangeness(sighting.face))
    first = sightings[0]
    chosen = framing or choose_framing(first.person, picture_hw(first.rgb_HW3))
    hw = canvas_hw(chosen, size_px)
    if framing is None and chosen is Framing.HALF_BODY:
        upright_hw = canvas_hw(chosen, size_px, is_upright=True)
        if needs_upright(first.person, picture_hw(first.rgb_HW3), hw, upright_hw):
            hw = upright_hw
    crops = [
        frame_person(sighting.person, chosen, picture_hw(sighting.rgb_HW3), hw)
        for sighting in sightings
    ]
    return _character(
        sightings,
        crops,
        hw,
        framing=chosen,
        name=name or first.picture.name.rsplit(".", 1)[0],
        character_id=character_id or uuid.uuid4().hex,
        notes=_notes(sightings, chosen, is_framing_given=framing is not None),
    )


def character_of_canvas(
    rgb_HW3: ByteArray, *, name: str, framing: Framing = Framing.PORTRAIT
) -> Character:
    """Make a character of one trusted picture that is the canvas already, pixel for pixel.

    For frames of clips and renders, where the crop must be the caller's. Raises PictureError
    where no face is found.
    """
    hw = picture_hw(rgb_HW3)
    sighting = _sight(DecodedPicture(name=name, rgb_HW3=rgb_HW3, alpha_HW=None))
    whole = Crop(left=0.0, top=0.0, width=float(hw[1]), height=float(hw[0]))
    return _character(
        [sighting], [whole], hw, framing=framing, name=name, character_id=uuid.uuid4().hex, notes=()
    )


def _character(
    sightings: Sequence[_Sighting],
    crops: Sequence[Crop],
    hw: tuple[int, int],
    *,
    framing: Framing,
    name: str,
    character_id: str,
    notes: tuple[str, ...],
) -> Character:
    views = tuple(
        _frame_view(sighting, crop, hw) for sighting, crop in zip(sightings, crops, strict=True)
    )
    main = views[0]
    rig = build_rig(main.geometry, main.foreground_HW3, main.alpha_HW, main.rgb_HW3)
    return Character(
        id=character_id,
        name=name,
        framing=framing,
        views=views,
        background_HW3=fill_background(main.rgb_HW3, main.alpha_HW.astype(np.float32) / 255),
        thumbnail_webp=_thumbnail(sightings[0]),
        notes=(*notes, *rig.notes),
        rig=rig,
    )


def _sight(picture: DecodedPicture) -> _Sighting:
    """Find the person; raises PictureError where there is none or too small a one."""
    rgb_HW3 = _on_neutral(picture)
    faces = find_faces(rgb_HW3)
    if not faces:
        raise PictureError(
            PictureReason.NO_FACE,
            f"No face was found in {picture.name}. Use a picture in which one face looks towards "
            "the camera, well lit and not covered.",
        )
    face = main_face(faces, picture_hw(rgb_HW3))
    if face.iod_px < MIN_IOD_PX:
        raise PictureError(
            PictureReason.FACE_TOO_SMALL,
            f"The face in {picture.name} is too small: {face.iod_px:.0f} pixels between the eyes, "
            f"{MIN_IOD_PX:.0f} are needed and 80 are good. Crop closer or use a larger picture.",
        )
    others = tuple(other for other in faces if _is_other(other, face))
    body = find_body(rgb_HW3, face)
    person = Person(
        eyes_middle_2=face.eyes_middle_2,
        iod_px=face.unit_px,
        joints_J3=None if body is None else body.joints_J3,
        visibility_J=None if body is None else body.visibility_J,
    )
    return _Sighting(picture, rgb_HW3, face, others, person)


def _is_other(found: FoundFace, face: FoundFace) -> bool:
    """A second person, not the face itself, a false find inside it, or a small one on a shirt."""
    distance = float(np.linalg.norm(found.eyes_middle_2 - face.eyes_middle_2))
    return distance > 1.2 * face.iod_px and found.iod_px > 0.4 * face.iod_px


def _on_neutral(picture: DecodedPicture) -> ByteArray:
    if picture.alpha_HW is None:
        return picture.rgb_HW3
    alpha = picture.alpha_HW[..., None].astype(np.float32) / 255
    blended = picture.rgb_HW3 * alpha + _NEUTRAL_GREY * (1 - alpha)
    return np.asarray(blended.round(), np.uint8)


def _strangeness(face: FoundFace) -> float:
    """How far a face is from frontal, neutral and large; the least becomes the main view."""
    motion = face.motion
    yaw, pitch, _ = yaw_pitch_roll(motion.rotation_33)
    closed = float(np.clip(0.2 - motion.lid_apertures_2, 0.0, 0.2).sum())
    return (
        abs(yaw)
        + 0.7 * abs(pitch)
        + 1.5 * min(motion.lip_aperture, 0.5)
        + 4.0 * closed
        + max(0.0, 0.5 * float(np.log2(SOFT_IOD_PX / face.iod_px)))
    )


def _frame_view(sighting: _Sighting, crop: Crop, hw: tuple[int, int]) -> ReferenceView:
    rgb = cut(sighting.rgb_HW3, crop, hw)
    geometry = _geometry_on_canvas(sighting, crop, rgb)
    alpha = _matte(sighting, crop, rgb, geometry)
    return ReferenceView(
        rgb_HW3=rgb,
        foreground_HW3=estimate_foreground(rgb, alpha),
        alpha_HW=np.asarray((alpha * 255).round(), np.uint8),
        geometry=geometry,
    )


def _geometry_on_canvas(sighting: _Sighting, crop: Crop, rgb_HW3: ByteArray) -> ReferenceGeometry:
    hw = picture_hw(rgb_HW3)
    expected_N3 = crop.points_to_canvas(sighting.face.motion.landmarks_N3, hw)
    landmarks_N3 = expected_N3
    # Found again at the canvas' own resolution the landmarks fit its pixels best.
    unit = sighting.face.iod_px * crop.scale_to(hw)
    for face in find_faces(rgb_HW3):
        distance = np.linalg.norm((face.motion.landmarks_N3 - expected_N3)[:, :2], axis=1).mean()
        if float(distance) < 0.15 * unit:
            landmarks_N3 = face.motion.landmarks_N3
            break
    joints = sighting.person.joints_J3
    return reference_geometry(
        landmarks_N3,
        hw,
        joints_J3=None if joints is None else crop.points_to_canvas(joints, hw),
        visibility_J=sighting.person.visibility_J,
    )


def _matte(
    sighting: _Sighting, crop: Crop, rgb_HW3: ByteArray, geometry: ReferenceGeometry
) -> FloatArray:
    hw = picture_hw(rgb_HW3)
    if sighting.picture.alpha_HW is not None:
        return cut(sighting.picture.alpha_HW, crop, hw).astype(np.float32) / 255
    unit = sighting.face.unit_px * crop.scale_to(hw)
    coarse = segment_person(rgb_HW3)
    coarse = cover_face(coarse, geometry.landmarks_N3)
    if sighting.others:
        chins = [crop.points_to_canvas(other.chin_2, hw) for other in sighting.others]
        own = crop.points_to_canvas(sighting.face.chin_2, hw)
        coarse = keep_own_person(coarse, own, np.stack(chins), 0.3 * unit)
    coarse = keep_connected(coarse, geometry.landmarks_N3)
    coarse = cover_body(rgb_HW3, coarse, geometry)
    return refine_matte(rgb_HW3, coarse, band_px=max(4.0, _BAND_IOD * unit))


def _thumbnail(sighting: _Sighting) -> bytes:
    """The face with its hair, square, from the picture as it was given."""
    rows, columns = picture_hw(sighting.rgb_HW3)
    side = min(5.6 * sighting.face.unit_px, rows, columns)
    x, y = (float(value) for value in sighting.face.eyes_middle_2)
    left = float(np.clip(x - side / 2, 0, columns - side))
    top = float(np.clip(y - 0.45 * side, 0, rows - side))
    picture = cut(sighting.rgb_HW3, Crop(left, top, side, side), (_THUMBNAIL_PX, _THUMBNAIL_PX))
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    is_written, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, 85])
    assert is_written, "OpenCV is built with WebP"
    return data.tobytes()


def _notes(
    sightings: Sequence[_Sighting], framing: Framing, *, is_framing_given: bool
) -> tuple[str, ...]:
    notes: list[str] = []
    if not is_framing_given:
        notes.append(f"Framed as {framing.value.replace('_', ' ')}.")
    for sighting in sightings:
        name = sighting.picture.name
        notes.extend(f"{name}: {note}" for note in sighting.picture.notes)
        if sighting.others:
            notes.append(
                f"{name} shows {len(sighting.others) + 1} faces; the most prominent one was taken."
            )
        if sighting.face.iod_px < SOFT_IOD_PX:
            notes.append(f"The face in {name} is small; the character will look soft.")
    yaw, _, _ = yaw_pitch_roll(sightings[0].face.motion.rotation_33)
    if abs(yaw) > 0.5:
        notes.append("The face is turned to the side; a frontal picture moves better.")
    return tuple(notes)
