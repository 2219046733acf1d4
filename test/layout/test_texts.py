"""The texts of the dashboard: every key stands in every catalogue, is used, and keeps its placeholders."""
import json
import re

import pytest
from test_layers import ROOT

WEB = ROOT / "src/web"
LANGUAGES = ["en", "de", "es", "fi", "fr", "id", "it", "ja", "ko", "nb", "nl", "pt_BR", "ru", "th", "zh_Hans", "zh_Hant"]
# The plural forms each language has for cardinal numbers (Unicode CLDR); a browser asks for exactly these.
FORMS = {"id": ["other"], "ja": ["other"], "ko": ["other"], "th": ["other"], "zh_Hans": ["other"], "zh_Hant": ["other"],
         "es": ["many", "one", "other"], "fr": ["many", "one", "other"], "it": ["many", "one", "other"], "pt_BR": ["many", "one", "other"],
         "ru": ["few", "many", "one", "other"]}


def catalogue(language):
    pairs = json.loads((WEB / "lang" / (language + ".json")).read_text(), object_pairs_hook=list)
    assert len({k for k, _ in pairs}) == len(pairs), "a key stands twice in " + language
    return dict(pairs)


def sources():
    return {p.name: p.read_text() for p in [*WEB.glob("*.js"), WEB / "index.html"]}


def places(text):
    return sorted(re.findall(r"\{\w+\}", text))


def test_there_is_a_catalogue_for_each_language_and_the_page_offers_it():
    assert sorted(p.stem for p in (WEB / "lang").glob("*.json")) == sorted(LANGUAGES)
    offered = re.search(r"LANGUAGES = \{(.*?)\};", sources()["text.js"], re.S).group(1)
    assert re.findall(r"(\w+): \"", offered) == LANGUAGES
    assert all("'%s'" % n in (WEB / "meson.build").read_text() for n in LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_stands_in_every_catalogue_with_its_plural_forms(language):
    english, here = catalogue("en"), catalogue(language)
    forms = FORMS.get(language, ["one", "other"])
    wanted = {k for k in english if "#" not in k} | {k.split("#")[0] + "#" + f for k in english if "#" in k for f in forms}
    assert sorted(wanted - set(here)) == [] and sorted(set(here) - wanted) == []
    for key, text in here.items():
        like = english.get(key) or english[key.split("#")[0] + "#other"]
        if key.endswith("#one"):
            assert set(places(text)) <= set(places(like)), key
        else:
            assert places(text) == places(like), key
        assert text.strip() and text == text.strip(), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_say_whether_a_native_speaker_checked_them_and_their_direction(language):
    here = catalogue(language)
    assert here["meta.checked"] in ("yes", "no") and here["meta.direction"] in ("ltr", "rtl")
    if language != "en":
        same = [k for k, v in here.items() if len(re.sub(r"\{\w+\}", "", v)) > 12 and catalogue("en").get(k) == v]
        assert same == [], "left in English"


def test_every_key_is_used_and_every_used_key_exists():
    keys = {k.split("#")[0] for k in catalogue("en")}
    text = "\n".join(sources().values())
    whole = set(re.findall(r"\bt[n]?\(\"([\w.-]+)\"", text)) | set(re.findall(r"data-t(?:-label)?=\"([\w.]+)\"", text))
    whole |= set(re.findall(r"\"([a-z_]+\.[a-z_]+)\"", text)) & keys          # keys in tables, such as the list of shortcuts
    begun = set(re.findall(r"\b(?:t|has)\(\"([\w]+\.)\" \+", text))
    assert {b for b in begun if not any(k.startswith(b) for k in keys)} <= {"option."}      # the daemon's own sentence stands in
    assert sorted(w for w in whole if not w.endswith(".") and w not in keys) == []
    meta = {"meta.checked", "meta.direction"}
    assert sorted(k for k in keys - whole - meta if not any(k.startswith(b) for b in begun)) == []
