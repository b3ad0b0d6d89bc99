"""Hook of MkDocs: what a page links to outside docs/ goes into the site, beside the pages.

On a forge `../tests/peer/test_model_peers.py` leads to the file. A site has only what lies in
docs/, so the file is copied to `source/` and the link is turned there; the page stays as it is.
"""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
FOLDER = "source"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for page in files.documentation_pages():
        for target in LINK.findall(page.content_string):
            file = file_outside(target, page, config)
            uri = file and place_of(file, config)
            if uri and files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, abs_src_path=str(file)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    def turned(link: re.Match[str]) -> str:
        file = file_outside(link[1], page.file, config)
        if file is None:
            return link[0]
        return f"]({os.path.relpath(place_of(file, config), Path(page.file.src_uri).parent)}"

    return LINK.sub(turned, markdown)


def file_outside(target: str, page: File, config: MkDocsConfig) -> Path | None:
    """The file that a link leads to if it lies in the repository, but not in docs/."""
    if page.abs_src_path is None:
        return None
    file = Path(page.abs_src_path).parent.joinpath(target).resolve()
    docs = Path(config.docs_dir).resolve()
    if not file.is_file() or file.is_relative_to(docs) or not file.is_relative_to(docs.parent):
        return None
    return file


def place_of(file: Path, config: MkDocsConfig) -> str:
    """Where it lies in the site; `.txt` keeps a Markdown file from becoming a page without a place
    in the navigation."""
    uri = f"{FOLDER}/{file.relative_to(Path(config.docs_dir).resolve().parent).as_posix()}"
    return f"{uri}.txt" if file.suffix == ".md" else uri
