"""A server of your own behind nginx with a certificate, as docs/deploy/own-gpu.md has it."""

from pathlib import Path

import trustme

from tests.support.caches import Nginx
from tests.support.service import Promptcdn
from tests.support.topology import ROOT
from tests.upstream import Upstream

SITE = (ROOT / "docs" / "deploy" / "grpc-tls.conf").read_text()


def test_pictures_come_through_nginx_with_a_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "chain.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    site = (
        SITE.replace("listen 443", "listen LISTEN")
        .replace("127.0.0.1:50051", "ORIGIN")
        .replace("/etc/ssl/gpu.example.org.pem", f"{tmp_path}/chain.pem")
        .replace("/etc/ssl/gpu.example.org.key", f"{tmp_path}/key.pem")
    )

    with Upstream(key="a-token") as upstream, Nginx(tmp_path / "nginx", upstream.host, site=site) as nginx:
        ours = {
            "STABILITY_HOST": f"grpcs://localhost:{nginx.url.rpartition(':')[2]}",
            "STABILITY_KEY": "a-token",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": tmp_path / "authority.pem",
        }
        with Promptcdn(tmp_path / "service", **ours) as service:
            assert service.get("/?prompt=a+lighthouse&seed=7").status_code == 200
        assert [call.authorization for call in upstream.ledger.calls()] == ["right"]
