"""Abseil's link group, and one public cc_library a name."""

_LIBRARIES = [
    "random_distributions",
    "random_seed_sequences",
    "random_seed_gen_exception",
    "random_internal_pool_urbg",
    "random_internal_seed_material",
    "random_internal_randen",
    "random_internal_randen_hwaes",
    "random_internal_randen_hwaes_impl",
    "random_internal_randen_slow",
    "random_internal_platform",
    "statusor",
    "status",
    "cord",
    "cordz_info",
    "cord_internal",
    "cordz_functions",
    "cordz_handle",
    "hash",
    "city",
    "low_level_hash",
    "raw_hash_set",
    "hashtablez_sampler",
    "exponential_biased",
    "str_format_internal",
    "strerror",
    "synchronization",
    "graphcycles_internal",
    "stacktrace",
    "symbolize",
    "debugging_internal",
    "demangle_internal",
    "malloc_internal",
    "time",
    "civil_time",
    "time_zone",
    "strings",
    "strings_internal",
    "base",
    "spinlock_wait",
    "int128",
    "bad_optional_access",
    "bad_variant_access",
    "throw_delegate",
    "raw_logging_internal",
    "log_severity",
]

ABSL_LINKOPTS = (
    ["-Wl,--push-state,--as-needed"] +
    ["-labsl_" + name for name in _LIBRARIES] +
    ["-Wl,--pop-state"]
)

def absl_libraries(names, deps):
    """Declares one public target a header family; headers are in the system's include path."""
    for name in names:
        native.cc_library(
            name = name,
            visibility = ["//visibility:public"],
            deps = deps,
        )
