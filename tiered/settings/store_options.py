"""Options of stores and of the program gpg."""

from tiered.settings.limits import byte_rate, request_rate
from tiered.settings.option import Option, flag, seconds, whole_number

STORES = (
    Option(
        names=("--num-retries",),
        dest="num_retries",
        default=5,
        convert=whole_number,
        metavar="N",
        help="attempts at each request to a store (default 5)",
    ),
    Option(
        names=("--backend-retry-delay",),
        dest="retry_delay_s",
        default=30.0,
        convert=seconds,
        metavar="SECONDS",
        help="longest wait between two attempts (default 30)",
    ),
    Option(
        names=("--timeout",),
        dest="timeout_s",
        default=30.0,
        convert=seconds,
        metavar="SECONDS",
        help="longest silence of a store (default 30)",
    ),
    Option(
        names=("--limit-upload",),
        dest="limit_upload",
        convert=byte_rate,
        metavar="RATE",
        help="send no more bytes a second to all stores together, such as 500K, 20M "
        "or 1.5G, in units of 1024 (ours)",
    ),
    Option(
        names=("--limit-download",),
        dest="limit_download",
        convert=byte_rate,
        metavar="RATE",
        help="receive no more bytes a second from all stores together (ours)",
    ),
    Option(
        names=("--limit-requests",),
        dest="limit_requests",
        convert=request_rate,
        metavar="NUMBER",
        help="begin no more requests a second at each store; 0.5 is one in two "
        "seconds (ours)",
    ),
    Option(
        names=("--limit-connections",),
        dest="limit_connections",
        convert=whole_number,
        metavar="COUNT",
        help="no more requests at a time at each store (ours)",
    ),
    flag(
        "--read-only",
        dest="read_only",
        help="refuse whatever would change a store: write, delete, thaw, create (ours)",
    ),
    Option(
        names=("--gpg-binary",),
        dest="gpg_binary",
        metavar="PROGRAM",
        help="the gpg program (default gpg); a new archive is then of style duplicity",
    ),
    Option(
        names=("--gpg-options",),
        dest="gpg_options",
        metavar="TEXT",
        help="further options for gpg, separated by blanks; a new archive is then of "
        "style duplicity",
    ),
    Option(
        names=("--ssh-options",),
        dest="ssh_options",
        default="",
        metavar="TEXT",
        help="for sftp and rsync: -oIdentityFile=FILE -oUserKnownHostsFile=FILE",
    ),
    Option(
        names=("--ssl-cacert-file",),
        dest="ssl_cacert_file",
        metavar="FILE",
        help="certificates to trust, for webdavs and ftps",
    ),
    flag(
        "--ftp-passive",
        dest="ftp_passive",
        help="for ftp: the client opens the connections of transfers (default)",
    ),
    flag(
        "--ftp-regular",
        dest="ftp_passive",
        stores=False,
        help="for ftp: the server opens them",
    ),
    Option(
        names=("--swift-storage-policy",),
        dest="swift_policy",
        metavar="NAME",
        help="storage policy of a Swift container that is created",
    ),
    Option(
        names=("--s3-region-name",), dest="s3_region", metavar="NAME", help="S3 region"
    ),
    Option(
        names=("--s3-endpoint-url",),
        dest="s3_endpoint",
        metavar="URL",
        help="S3 service other than Amazon's",
    ),
    Option(
        names=("--azure-blob-tier",),
        dest="azure_blob_tier",
        metavar="NAME",
        help="tier of blobs: Hot, Cool, Cold; or Archive, for volumes only",
    ),
    Option(
        names=("--gs-storage-class",),
        dest="gs_storage_class",
        metavar="NAME",
        help="class of volumes at Google: NEARLINE, COLDLINE, ARCHIVE (ours)",
    ),
    flag(
        "--b2-hide-files",
        dest="b2_hide_files",
        help="at B2: hide what is deleted, and keep its versions",
    ),
    flag("--s3-use-glacier", dest="s3_glacier", help="store volumes in class GLACIER"),
    flag(
        "--s3-use-deep-archive",
        dest="s3_deep_archive",
        help="store volumes in class DEEP_ARCHIVE",
    ),
)
"""How to reach them."""
