#ifndef WAYBILL_SERVICES_PCM_OFFER_TABLE_H_
#define WAYBILL_SERVICES_PCM_OFFER_TABLE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

#include "common/model/definition_file.h"
#include "services/pcm/history.h"

/// What --once and --list print. Text from elsewhere is escaped, so that it commands no terminal.
namespace waybill::pcm {

/// An aligned table with a line for each offer, ending in a newline; "No offers.\n" for none. Times
/// are in `zone`.
std::string FormatOffers(const std::vector<model::Offer>& offers, absl::Time now,
                         absl::TimeZone zone);

/// How a run ended, in one line, and its output behind it, each line indented.
std::string FormatEnded(const model::Offer& offer, const RunRecord& record);

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_OFFER_TABLE_H_
