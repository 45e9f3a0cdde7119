#ifndef WAYBILL_COMMON_JOBDB_CONNECTION_STRING_H_
#define WAYBILL_COMMON_JOBDB_CONNECTION_STRING_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace waybill::jobdb {

/// How to reach a job database, read from a libpq connection string or URI
/// (https://www.postgresql.org/docs/15/libpq-connect.html, section 34.1.1).
class ConnectionString {
 public:
  /// Returns INVALID_ARGUMENT, without quoting `uri`, if libpq cannot read it.
  static absl::StatusOr<ConnectionString> Parse(absl::string_view uri);

  /// What to give to libpq: `uri` plus, where it does not set them, limits without which a silent
  /// network holds a thread for ever (connect_timeout, keepalives, tcp_user_timeout).
  const std::string& for_libpq() const { return for_libpq_; }

  /// For messages: "host=... port=... dbname=... user=...", only what `uri` sets and never a
  /// password.
  const std::string& description() const { return description_; }

 private:
  std::string for_libpq_;
  std::string description_;
};

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_CONNECTION_STRING_H_
