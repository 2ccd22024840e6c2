#include "dec/coordination/piece_links.hpp"

namespace dec::coordination {

void PieceLinks::up(int level, std::span<double const> above, std::span<double> below, std::size_t width) {
    exchange_.up_across(level, above, below, width);
}

void PieceLinks::down(int level, std::span<double const> below, std::span<double> above, std::size_t width) {
    exchange_.down_across(level, below, above, width);
}

void PieceLinks::sum(std::span<double> values) const { comm_.sum(values); }

void PieceLinks::max(std::span<double> values) const { comm_.max(values); }

}  // namespace dec::coordination
