"""Photos of other formats: opened, understood, refused with a reason, and written.

**Reading**: ``foreign_photo`` alone opens files; ``photo_refusal`` says why one is not opened, and
``unread_parts`` what of it Pillow does not read. ``side_data_reading`` gathers what stands beside the pixels,
and ``source_image`` all that a Pillow image brings. ``metadata_from_exif`` fills the fields of table A.3, and
``thermal_detection`` knows pictures of temperatures (A-6.1a). ``photo_privacy`` and ``photo_cropping`` take
out what must not travel.

**Writing**: ``photo_writing`` drives ``jpeg_writing``, ``deep_png_writing`` and ``tiff_writing``;
``side_data_for_photo`` says what they carry. Losses on either way are collected by ``conversion_losses``.

It neither encodes nor decodes ``.pgi`` files.
"""
