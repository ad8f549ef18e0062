"""Blocks that are carried without loss over what the model shows (STREAM.md, "Exact blocks").

``search`` finds blocks that the model would show badly: ``block_screening`` and ``hard_blocks`` name
candidates, ``trial_crops`` and ``trial_coding`` decode some of them, and ``decision`` weighs errors against
bytes with the ``dct_cost``. ``filling_under`` says what the model sees in their place, and ``layer`` codes
and reads them. ``lost_details`` finds where finer steps serve better.
"""
