"""The conformance suite of every port and a fake of each, for shipway's own tests and for those of other adapters.

A suite is a tuple of plain functions, each given a way to make a fresh adapter; they fail by AssertionError. In pytest:

    @pytest.mark.parametrize("case", ledger.CASES)
    def test_my_ledger_conforms(case, tmp_path):
        case(lambda clock: MyLedger(tmp_path, clock=clock))
"""
