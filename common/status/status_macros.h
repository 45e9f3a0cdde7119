#ifndef WAYBILL_COMMON_STATUS_STATUS_MACROS_H_
#define WAYBILL_COMMON_STATUS_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

/// Returns from the enclosing function if `expr` yields a non-OK status.
#define WAYBILL_RETURN_IF_ERROR(expr)                                 \
  do {                                                                \
    if (absl::Status waybill_status = (expr); !waybill_status.ok()) { \
      return waybill_status;                                          \
    }                                                                 \
  } while (false)

// NOLINTBEGIN(bugprone-macro-parentheses): `lhs` is a declaration.

/// Evaluates `rexpr` (a StatusOr) once; declares or assigns `lhs` from its value, or returns its
/// status.
#define WAYBILL_ASSIGN_OR_RETURN(lhs, rexpr) \
  WAYBILL_ASSIGN_OR_RETURN_IMPL_(WAYBILL_CONCAT_(waybill_statusor_, __LINE__), lhs, rexpr)

#define WAYBILL_ASSIGN_OR_RETURN_IMPL_(statusor, lhs, rexpr) \
  auto statusor = (rexpr);                                   \
  if (!statusor.ok()) {                                      \
    return std::move(statusor).status();                     \
  }                                                          \
  lhs = *std::move(statusor)

// NOLINTEND(bugprone-macro-parentheses)

#define WAYBILL_CONCAT_INNER_(a, b) a##b
#define WAYBILL_CONCAT_(a, b) WAYBILL_CONCAT_INNER_(a, b)

#endif  // WAYBILL_COMMON_STATUS_STATUS_MACROS_H_
