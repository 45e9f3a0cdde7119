#ifndef WAYBILL_SERVICES_CLI_WORKSTATION_FILE_H_
#define WAYBILL_SERVICES_CLI_WORKSTATION_FILE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "waybill/site/v1/site.pb.h"

namespace waybill::cli {

/// Reads a list of workstations as comma-separated values. The first line names the columns:
/// host_name and domain must be there, sms_id and operating_system may; every other column is a
/// property. An empty cell means: not given. No quoting; a cell has no comma. Lines that are empty
/// or begin with "#" are passed over. INVALID_ARGUMENT naming the line.
absl::StatusOr<std::vector<site::v1::Workstation>> ParseWorkstations(absl::string_view text);

}  // namespace waybill::cli

#endif  // WAYBILL_SERVICES_CLI_WORKSTATION_FILE_H_
