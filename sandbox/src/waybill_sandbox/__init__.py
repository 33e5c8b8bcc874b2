"""What Waybill talks to outside, to develop against: a payment gateway that can misbehave, and a mail catcher."""
