#ifndef WAYBILL_SERVICES_DESPOOLER_RECEIVED_TRANSFER_H_
#define WAYBILL_SERVICES_DESPOOLER_RECEIVED_TRANSFER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/content/digest.h"
#include "services/despooler/instruction_rules.h"

#include "waybill/transfer/v1/instruction.pb.h"

namespace waybill::despooler {

/// Whose transfer it is, and its place among the attempts at it.
struct TransferKey {
  std::string sender_site_code;
  std::int64_t send_request_id = 0;  ///< Unique at that site.
  std::int64_t fence = 0;            ///< A later attempt has a higher one.
};

/// A version whose manifest and chunks stand in the store.
struct ReceivedVersion {
  content::Digest version;
  content::Digest content_digest;
  std::int64_t entry_count = 0;
  std::int64_t file_count = 0;
  std::int64_t plain_bytes = 0;
  std::int64_t stored_bytes = 0;
  std::int64_t manifest_bytes = 0;
  std::vector<std::string> skipped_paths = {};  ///< Escaped; what the import left out.
};

/// All that a Commit makes true. The instruction passed CheckInstruction.
struct ReceivedTransfer {
  TransferKey key;
  transfer::v1::Instruction instruction;
  TargetList targets;
  std::optional<ReceivedVersion> version;  ///< Absent: instruction only.
};

}  // namespace waybill::despooler

#endif  // WAYBILL_SERVICES_DESPOOLER_RECEIVED_TRANSFER_H_
