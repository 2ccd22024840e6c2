#include "dec/feeder/row_counts.hpp"

namespace dec::feeder {

RowCounts row_counts(Feeder const& feeder) {
    RowCounts counts{};
    std::size_t next = 0;
    for_each_table(feeder, [&](std::string_view, auto const& table) {
        counts.at(next++) = static_cast<std::int64_t>(table.size());
    });
    return counts;
}

}  // namespace dec::feeder
