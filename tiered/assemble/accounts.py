"""Variables that tell in which account, or at which service, a container lies."""

SWIFT = (
    *("AUTHURL", "PREAUTHURL", "REGIONNAME", "TENANTID", "TENANTNAME"),
    *("PROJECT_ID", "PROJECT_NAME"),
)
"""Behind `SWIFT_` and `PCA_`."""
S3 = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""The first that is set counts."""
