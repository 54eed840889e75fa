"""Letters that look like Latin ones (Unicode Technical Standard #39). Written by ./scripts/confusables.

A letter that is missing here is added to `look_alikes`.
Made of confusable-homoglyphs 3.3.1 and Unicode 18.0.0.
"""

# Latin letter → its look-alikes, without marks and in one case.
LOOK_ALIKES = {
    "a": "ɑαаᎪᴀꓮ",
    "b": "ƀƃƅɓʙβвьᏏᏴꓐꞵ",
    "c": "ȼсᏟᴄⲥꓚ",
    "d": "ðđƌɖɗԁᎠᏧᴅꓒꓓ",
    "e": "ɇεеҽᎬᴇꓰꬲ",
    "f": "ƒϝքᵮẝꓝꜰꞙꬵ",
    "g": "ƍǥɠɡɢԍցᏀᏳᶃꓖ",
    "h": "ħɦʜηнһհᎻᏂⱨⲏꓧ",
    "i": "ıɨɩɪιіӏᎥᵻᵼⲓꙇ",
    "j": "ɉʝϳјᎫᴊꓙ",
    "k": "ƙκкᏦᴋⱪⲕꓗꝁ",
    "l": "łƚǀɫɭʟᏞⳑꓡꓲ",
    "m": "μϻмᎷᴍⲙꓟꭑ",
    "n": "ƞɲɳɴոռᵰⲛꓠ",
    "o": "øɵοσоօᴏᴑⲟꓳꝋꬽꬾ",
    "p": "ƥρрᏢᴘᵽⲣꓑ",
    "q": "ʠԛգզꞯ",
    "r": "ɍɼɽʀгᎡᎱᏒᴦᵲⲅꓣꭇꭈ",
    "s": "ƽʂѕտᏕᏚᵴꓢꜱ",
    "t": "ŧƫƭʈτтᎢᴛᵵⱦⲧꓔ",
    "u": "ʉʋυսᴜᵾꓴꞟꭎꭒ",
    "v": "νѵᏙᴠꓦ",
    "w": "ɯѡԝաᎳᏔᴡꓪꝡ",
    "x": "χхⲭꓫꭓ",
    "y": "ƴɏɣʏγуүᎩᎽᶌỿⲩꓬꭚ",
    "z": "ƶȥʐζᏃᴢᵶꓜ",
}
