"""The months as strftime(3) shortens them, in the languages of glibc's locales.

They are those of glibc 2.36.  What means two months in two languages (`lis` is November in Polish,
October in Croatian) is left out: a time that may be wrong is worse than none.
"""

from __future__ import annotations

_NAMES = (
    "jan jän jaan janv gen led ene urt tammi xan sij saus sty ian oca ιαν янв јан яну січ",
    "feb fev febr févr úno veebr ots helmi velj vas lut şub φεβ фев феб лют",
    "mar mär märz märts mars bře maalis ožu márc kov mrt maart μαρ мар бер",
    "apr april avril abr dub api huhti tra ápr bal kwi nis απρ апр кві",
    "mai may mag maj maí máj mei kvě touko svi geg μαΐ май мая мај тра",
    "jun juin juni juny čen juuni eka kesä xuñ jún giu birž jūn cze iun haz ιουν июн юни јун чер",
    "jul juil juli čec juuli uzt heinä xul júl lug liep jūl iul tem ιουλ июл юли јул лип",
    "aug août ago abu elo kol agu ágú rugp sie avg ağu αυγ авг сер",
    "sep sept set zář ira syys ruj szept rugs wrz eyl σεπ сен сеп вер",
    "oct okt ott out říj urr loka spal paź eki οκτ окт жов",
    "nov nóv aza marras stu lapkr kas νοε ноя ное нов лис",
    "dec dez dic des dets abe joulu déc gruod gru pro ara δεκ дек дец гру",
)
_NUMBERS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}


def month(name: str) -> int | None:
    """Give the number of a month by its short name, or by `11月`; None for another word."""
    word = name.strip(" .").lower()
    number = word.rstrip("月월")
    if number != word and number.isdecimal() and 1 <= int(number) <= 12:
        return int(number)
    return _NUMBERS.get(word)
