#ifndef WAYBILL_SERVICES_SENDER_SEND_ORDER_H_
#define WAYBILL_SERVICES_SENDER_SEND_ORDER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "common/content/digest.h"

namespace waybill::sender {

/// Sizes of a version, as the job database knows them.
struct VersionSizes {
  std::int64_t plain_bytes = 0;
  std::int64_t stored_bytes = 0;
  std::int64_t manifest_bytes = 0;
};

/// One claimed send request: what goes where, and in whose name.
struct SendOrder {
  std::int64_t send_request_id = 0;
  std::int64_t fence = 0;
  std::string job_id;
  std::string site_code;  ///< The neighbour.
  std::string endpoint;   ///< host:port of its Despooler.
  std::int64_t revision = 0;
  bool with_targets = false;
  std::string package_id;
  std::optional<content::Digest> version;  ///< Absent: instruction only.
  bool verify_held = false;
  int failures = 0;  ///< In a row, before this attempt.
};

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_SEND_ORDER_H_
