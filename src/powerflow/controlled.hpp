/// \file controlled.hpp
/// Tap changers and capacitors under control: what each wants at what it sees.
#pragma once

#include <limits>
#include <string_view>

#include "dec/partition/piece.hpp"
#include "dec/powerflow/power_flow.hpp"

namespace dec::powerflow {

/// What a control wants and when it will have it: as long as its reason lasts, it waits from when the reason arose.
struct Waiting {
    static constexpr double never = std::numeric_limits<double>::infinity();
    double due_s = never;
    int change = 0;  ///< steps up or down

    void want(int wanted, double delay_s) {
        change = wanted;
        if (wanted == 0) due_s = never;
        else if (due_s == never) due_s = delay_s;
    }
};

/// One tap changer with a voltage control.
class Regulator {
  public:
    Regulator(feeder::Feeder const& feeder, feeder::TapChanger const& tap, bool measures_current,
              partition::ControlSeat const& seat, std::size_t piece_row)
        : row{piece_row}, control{seat.control}, feeder_{feeder}, tap_{tap},
          measures_current_{measures_current}, winding_{seat.winding} {}

    /// Why it cannot act; empty if it can.
    [[nodiscard]] std::string_view hindrance() const;
    /// \param step where the tap is.
    void look(Reading const& reading, double step);
    /// Seven tenths of the way, but at least a step; the next look says whether more is needed.
    [[nodiscard]] double moved(double step);
    /// Power flows the other way from now on.
    void turn();

    std::size_t row;       // of the piece's tap changers
    std::int64_t control;  // number in the feeder
    Waiting waiting, turning;

  private:
    [[nodiscard]] feeder::RegulatorControl const& settings() const { return tap_.control; }
    /// Whether it looks at something else than the voltage of another bus.
    [[nodiscard]] bool is_at_winding() const { return winding_ >= 0; }
    [[nodiscard]] bool compensates() const;
    [[nodiscard]] bool turns() const { return is_at_winding() && (settings().reversible || settings().cogeneration); }
    /// Back, and regulating the other side.
    [[nodiscard]] bool looks_back() const { return is_back_ && !settings().cogeneration; }
    [[nodiscard]] double target() const { return is_back_ ? settings().reverse_target : settings().target; }
    [[nodiscard]] double delay_s(double regulated) const;
    [[nodiscard]] feeder::Transformer const& unit() const { return feeder_.transformers[tap_.transformer]; }
    [[nodiscard]] feeder::TransformerCode const& code() const { return feeder_.transformer_codes[unit().code]; }
    [[nodiscard]] std::size_t watched() const {
        return static_cast<std::size_t>(is_at_winding() ? winding_ : tap_.winding);
    }
    [[nodiscard]] bool is_delta() const { return code().winding[watched()].connection == feeder::Connection::delta; }
    /// Across a coil.
    [[nodiscard]] double rated_volts() const;
    struct Seen {
        Complex volts, amperes;
    };
    /// Across the coil that is looked at, and into its first end.
    [[nodiscard]] Seen seen(Reading const& reading) const;

    feeder::Feeder const& feeder_;
    feeder::TapChanger const& tap_;
    bool measures_current_;
    std::int8_t winding_;
    bool is_back_ = false;
};

/// One switched capacitor.
class SwitchedCapacitor {
  public:
    SwitchedCapacitor(feeder::Capacitor const& capacitor, bool measures_current, std::int64_t number,
                      std::size_t piece_row, double hour)
        : row{piece_row}, control{number}, capacitor_{capacitor}, measures_current_{measures_current}, hour_{hour} {}

    [[nodiscard]] std::string_view hindrance() const;
    void look(Reading const& reading, feeder::PerPhase const& sections);
    [[nodiscard]] feeder::PerPhase moved(feeder::PerPhase sections);

    std::size_t row;
    std::int64_t control;
    Waiting waiting;

  private:
    /// Target plus or minus half of the band, whose sign the file may use to tell on from off.
    [[nodiscard]] double upper() const;
    [[nodiscard]] double lower() const;
    [[nodiscard]] double voltage(Reading const& reading) const;
    [[nodiscard]] double current(Reading const& reading) const;
    [[nodiscard]] feeder::Phase phase() const;
    /// Between the hour it goes on and the hour it goes off, which may be of the next day.
    [[nodiscard]] bool is_its_time() const;
    /// Reactive power of one of its steps at nominal voltage.
    [[nodiscard]] double step_var() const;
    /// What a voltage outside its limits asks for, whatever the rest says: a section more or less, or nothing.
    [[nodiscard]] int overridden(Reading const& reading, bool any) const;
    [[nodiscard]] bool wants_on(Reading const& reading, bool any) const;
    [[nodiscard]] bool wants_off(Reading const& reading) const;

    feeder::Capacitor const& capacitor_;
    bool measures_current_;
    double hour_;
};

}  // namespace dec::powerflow
