"""The rule repositories that Bazel itself asks for, all of them local."""

_CC_RULES = [
    "cc_binary",
    "cc_import",
    "cc_library",
    "cc_proto_library",
    "cc_test",
    "cc_toolchain",
    "cc_toolchain_suite",
    "fdo_prefetch_hints",
    "fdo_profile",
    "objc_import",
    "objc_library",
]

_RULES_CC_DEFS = "".join(["%s = native.%s\n" % (rule, rule) for rule in _CC_RULES])

def _generated_repository_impl(repository_ctx):
    for path, text in repository_ctx.attr.files.items():
        repository_ctx.file(path, text, executable = False)

_generated_repository = repository_rule(
    implementation = _generated_repository_impl,
    attrs = {"files": attr.string_dict(mandatory = True)},
    doc = "A repository made of a few files written in place: path -> content.",
)

def bazel_repositories():
    """Declares the repositories that Bazel 4's built-in rules expect to find."""
    native.local_repository(name = "bazel_skylib", path = "/usr/share/bazel/tools/skylib")
    native.local_repository(name = "platforms", path = "/usr/share/bazel/tools/platforms")
    native.local_repository(name = "rules_java", path = "/usr/share/bazel/rules/java")
    native.local_repository(name = "rules_proto", path = "/usr/share/bazel/rules/proto")

    # Debian's rules_cc 0.0.4 does not load under Bazel 4, whose C++ rules are built in anyway.
    _generated_repository(
        name = "rules_cc",
        files = {"BUILD": "", "cc/BUILD": "", "cc/defs.bzl": _RULES_CC_DEFS},
    )

    # Every cc_test names a coverage merger, though only `bazel coverage` runs it.
    _generated_repository(
        name = "remote_coverage_tools",
        files = {"BUILD": """
filegroup(
    name = "coverage_report_generator",
    visibility = ["//visibility:public"],
)
"""},
    )
