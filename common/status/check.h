#ifndef WAYBILL_COMMON_STATUS_CHECK_H_
#define WAYBILL_COMMON_STATUS_CHECK_H_

#include <cstdio>
#include <cstdlib>

/// Ends the process if `condition` is false. For invariants of our own code, in every build; never
/// for what came from outside, which gets a Status. Evaluates `condition` once.
#define WAYBILL_CHECK(condition)                                                         \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

#endif  // WAYBILL_COMMON_STATUS_CHECK_H_
